"""A fold within a fold is shown whole."""

import pytest
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_sen.plugin.qt.folding import folded

pytestmark = pytest.mark.gui


def test_an_open_fold_grows_with_what_appears_in_it(qtbot):
    above, late = QLabel("\n".join(map(str, range(9)))), QLabel("\n".join(map(str, range(9))))
    content = QWidget()
    column = QVBoxLayout(content)
    column.addWidget(above)
    column.addWidget(late)
    late.hide()
    fold, window = folded("fold", content), QWidget()
    QVBoxLayout(window).addWidget(fold)
    qtbot.addWidget(window)
    window.resize(300, 900)
    window.show()
    fold.expand()
    qtbot.waitUntil(lambda: above.height() >= above.sizeHint().height())
    late.show()
    qtbot.waitUntil(lambda: late.height() >= late.sizeHint().height())
    assert above.height() >= above.sizeHint().height()


def test_a_fold_within_a_fold_has_room(qtbot):
    lines = QLabel("\n".join(map(str, range(20))))
    middle = QWidget()
    QVBoxLayout(middle).addWidget(QLabel("above"))
    inner = folded("inner", lines)
    middle.layout().addWidget(inner)
    outer = folded("outer", middle)
    window = QWidget()
    QVBoxLayout(window).addWidget(outer)
    qtbot.addWidget(window)
    window.resize(300, 900)
    window.show()
    outer.expand()
    qtbot.waitUntil(lambda: middle.height() > 20)
    inner.expand()
    qtbot.waitUntil(lambda: lines.height() >= lines.sizeHint().height())

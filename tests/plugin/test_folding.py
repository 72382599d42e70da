"""A fold within a fold is shown whole."""

import pytest
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_sen.plugin.qt.folding import folded

pytestmark = pytest.mark.gui


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

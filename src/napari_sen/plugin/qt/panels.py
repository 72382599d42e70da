"""Parts of the dock: one panel for each step, and the line that says how the work goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from ...errors import ParameterError, SenError
from ...params import NetworkParams, Params, SegmentParams
from ..state.observed import follow
from ..state.source import LayerImage
from ..state.storage import plan_contours, plan_embedding, plan_superpixels
from ..steps.session import Session
from ..steps.steps import STEPS
from .folding import folded
from .forms import ParamsForm, SizeEditor
from .level import LevelSlider
from .store_chooser import StoreChooser

__all__ = [
    "ContoursPanel",
    "EmbedPanel",
    "HierarchyPanel",
    "StatusPanel",
    "StepPanel",
    "SuperpixelsPanel",
    "VerticalScroll",
    "hint",
]


def hint(text: str) -> QLabel:
    """Return a small explaining line."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setStyleSheet("font-style: italic; padding: 0px;")
    label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
    return label


class StepPanel(QFrame):
    """A step: its button, what it does, its essential parameters, and the folded others."""

    run = Signal(str)

    def __init__(self, key: str, session: Session, viewer: Any) -> None:
        super().__init__()
        self.key, self._session, self._writing = key, session, False
        step = STEPS[key]
        self.button = QPushButton(step.title)
        self.button.setToolTip(step.about)
        font = self.button.font()
        font.setBold(True)
        self.button.setFont(font)
        self.button.clicked.connect(lambda: self.run.emit(self.key))
        self.forms = {kind: ParamsForm(kind, without=step.hidden) for kind in step.params}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        layout.setSpacing(3)
        layout.addWidget(self.button)
        layout.addWidget(hint(step.about))
        essential = QFormLayout()
        essential.setContentsMargins(6, 0, 0, 0)
        essential.setVerticalSpacing(3)
        self._extra(essential)
        for form in self.forms.values():
            form.fill(essential, [name for name in step.essential if name in form.editors])
        layout.addLayout(essential)
        self._finish_layout(layout)
        self.advanced = self._advanced(step.essential)
        if self.advanced is not None:
            layout.addWidget(self.advanced)
        for form in self.forms.values():
            form.on_edit(self._edited)
        follow(self, session.changed, self._follow)

    def _extra(self, layout: QFormLayout) -> None:
        """Add the rows that no parameter class has."""

    def _finish_layout(self, layout: QVBoxLayout) -> None:
        """Add what comes below the essential rows."""

    def _advanced(self, essential: tuple[str, ...]) -> QCollapsible | None:
        content = QWidget()
        layout = QFormLayout(content)
        layout.setContentsMargins(6, 0, 0, 0)
        for kind, form in self.forms.items():
            names = [name for name in form.editors if name not in essential]
            if names and len(self.forms) > 1:
                layout.addRow(hint((kind.__doc__ or "").splitlines()[0]))
            form.fill(layout, names)
        if layout.rowCount() == 0:
            return None
        return folded("Advanced", content)

    def read(self) -> None:
        """Put what is edited into the session; ParameterError if something is not legal."""
        self._session.set(*(self._value(kind) for kind in self.forms))

    def write(self) -> None:
        """Show what the session has."""
        self._writing = True  # half of it is no edit
        try:
            self._write()
        finally:
            self._writing = False

    def _write(self) -> None:
        """Show what the session has; what says so already is left as it was typed."""
        for kind, form in self.forms.items():
            with suppress(ParameterError):
                if self._value(kind) == self._session.params[kind]:
                    continue
            form.set_value(self._session.params[kind])

    def _edited(self, *_: object) -> None:
        """Follow an edit; what is not legal (yet) is told when the button is pressed."""
        if not self._writing:
            with suppress(ParameterError):
                self.read()

    def _follow(self, name: str) -> None:
        """Show what was changed in the session."""
        if name in self._shown():
            self.write()

    def _shown(self) -> set[str]:
        """Return the names of what this panel shows of the session."""
        return {kind.__name__ for kind in self.forms}

    def _value(self, kind: type[Params]) -> Params:
        hidden = {
            name: getattr(self._session.params[kind], name)
            for name in STEPS[self.key].hidden
            if name in kind.__dataclass_fields__
        }
        return self.forms[kind].value(**hidden)

    def image_changed(self) -> None:
        """Follow another image, or another pixel size."""

    def set_running(self, on: bool) -> None:
        """Follow whether this step is going on."""

    def leave(self) -> None:
        """Let go of the viewer and of the session."""
        self._session.changed.disconnect(self._follow, missing_ok=True)


class StoredPanel(StepPanel):
    """Adds where the result goes if it is made tile by tile."""

    store: StoreChooser

    def _store(self, plan: Callable[[LayerImage, int | None, Path], str]) -> None:
        self.store = StoreChooser(self._session, self.key, plan)

    def _finish_layout(self, layout: QVBoxLayout) -> None:
        layout.addWidget(self.store)

    def image_changed(self) -> None:
        """Follow another image."""
        self.store.refresh()

    def set_running(self, on: bool) -> None:
        """Leave the store alone meanwhile."""
        self.store.set_running(on)

    def leave(self) -> None:
        """Let go of the session as well."""
        super().leave()
        self.store.leave()


class SuperpixelsPanel(StoredPanel):
    """Adds the size, as a number or as a diameter."""

    def _extra(self, layout: QFormLayout) -> None:
        self.size_editor = SizeEditor()
        layout.addRow("Size by", self.size_editor)
        self._store(self._plan)
        self.size_editor.changed.connect(self._edited)

    def _plan(self, source: LayerImage, tile: int | None, goal: Path) -> str:
        params = self._value(SegmentParams)
        assert isinstance(params, SegmentParams)
        return plan_superpixels(source, params, tile, goal)

    def _write(self) -> None:
        super()._write()
        params = self._session.params[SegmentParams]
        assert isinstance(params, SegmentParams)
        self.size_editor.set_value(params)

    def _value(self, kind: type[Params]) -> Params:
        return self.forms[kind].value(**self.size_editor.value())

    def image_changed(self) -> None:
        """Give the diameter in the image's units."""
        if self._session.layer is not None:
            with suppress(SenError):  # a region without shapes, say: the button tells
                source = self._session.source()
                self.size_editor.set_pixel(source.spacing[-1], source.unit)
                self._edited()  # the proposed diameter is another one
        super().image_changed()


class EmbedPanel(StoredPanel):
    """Adds the choice of the embedding itself."""

    def _extra(self, layout: QFormLayout) -> None:
        self.channels = QCheckBox("All channels as a layer, too")
        self.channels.setToolTip("Beside the picture, add the D values of every pixel")
        layout.addRow(self.channels)
        self.channels.toggled.connect(self._edited)
        self._store(
            lambda source, tile, goal: plan_embedding(source, NetworkParams().dim, tile, goal)
        )

    def read(self) -> None:
        """Read the choice as well."""
        super().read()
        self._session.all_channels = self.channels.isChecked()

    def _write(self) -> None:
        super()._write()
        self.channels.setChecked(self._session.all_channels)

    def _shown(self) -> set[str]:
        return super()._shown() | {"all_channels"}


class ContoursPanel(StoredPanel):
    """Adds the store."""

    def _extra(self, layout: QFormLayout) -> None:
        self._store(plan_contours)


class HierarchyPanel(StepPanel):
    """Adds the slider over the tree."""

    def __init__(self, key: str, session: Session, viewer: Any) -> None:
        super().__init__(key, session, viewer)
        self.level = LevelSlider(session.granularity)
        layout = self.layout()
        assert layout is not None
        layout.addWidget(self.level)


class VerticalScroll(QScrollArea):
    """Scrolls up and down only: it is as wide as its content needs, in whatever theme."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(content)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Follow the content's width; a theme gives it its final one after it is made."""
        content, bar = self.widget(), self.verticalScrollBar()
        if watched is content and event is not None and event.type() == QEvent.Type.LayoutRequest:
            assert content is not None
            assert bar is not None
            self.setMinimumWidth(content.minimumSizeHint().width() + bar.sizeHint().width())
        return bool(super().eventFilter(watched, event))


class StatusPanel(QWidget):
    """Progress bar, Cancel, and one line: what is going on, or how the last step ended."""

    cancel = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress")
        self.bar.setTextVisible(False)
        self.button = QPushButton("Cancel")
        self.button.setToolTip("Stop the running step; only finished tiles are kept")
        self.button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.button.clicked.connect(self.cancel)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = QHBoxLayout()
        row.addWidget(self.bar)
        row.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.text)
        self._stage: tuple[str, float] = ("", 0.0)
        self.idle("Ready.")

    def begin(self, title: str) -> None:
        """Show that ``title`` has begun."""
        self._stage = ("", 0.0)
        self.bar.setRange(0, 0)
        self.bar.show()
        self.button.setEnabled(True)
        self.text.setText(f"{title}: starting ...")

    def progress(self, done: int, total: int, stage: str) -> None:
        """Move the bar, name the stage, and estimate the time left in it."""
        now = time.monotonic()
        if stage != self._stage[0]:
            self._stage = (stage, now)
        self.bar.setRange(0, max(total, 0))
        self.bar.setValue(done)
        self.text.setText(f"{stage[:1].upper()}{stage[1:]} ...{self._left(done, total, now)}")

    def _left(self, done: int, total: int, now: float) -> str:
        elapsed = now - self._stage[1]
        if elapsed < 1 or done <= 0 or total <= done:
            return ""
        seconds = elapsed * (total - done) / done
        if seconds < 90:
            return f" about {max(round(seconds), 1)} s left"
        return f" about {round(seconds / 60)} min left"

    def stopping(self) -> None:
        """Show that Cancel was heard."""
        self.bar.setRange(0, 0)
        self.button.setEnabled(False)
        self.text.setText("Stopping ...")

    def paused(self, on: bool) -> None:
        """Show that the work waits, or goes on."""
        self.text.setText("Paused." if on else "Going on ...")

    def idle(self, text: str) -> None:
        """Show how it ended."""
        self.bar.setRange(0, 1)
        self.bar.setValue(0)
        self.button.setEnabled(False)
        self.text.setText(text)

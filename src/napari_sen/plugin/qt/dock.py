"""The SEN dock: binds the session to widgets, and runs its steps off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, Qt, QTimer, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from ...errors import SenError
from ...io.annotation_file import SUFFIX as ANNOTATION
from ..layers.growing import Growth
from ..layers.preferences import preferences
from ..layers.reading import inbox
from ..layers.results import Finished, Preview, Result
from ..state.catalogue import Found, catalogue, look_up
from ..state.control import Control
from ..state.observed import follow
from ..steps.remembered import forget, keep, recall
from ..steps.session import Session
from ..steps.steps import STEPS
from .activity import Activity
from .choosers import ImageChooser, ModelChooser
from .growing_layer import GrowingLayers
from .panels import (
    ContoursPanel,
    EmbedPanel,
    HierarchyPanel,
    StatusPanel,
    StepPanel,
    SuperpixelsPanel,
    VerticalScroll,
    hint,
)
from .part_chooser import PartChooser
from .pick_panel import PickPanel
from .train_panel import TrainPanel
from .workers import JobRunner

if TYPE_CHECKING:
    import napari

__all__ = [
    "ContoursDock",
    "EmbedDock",
    "HierarchyDock",
    "PickDock",
    "PseudoLabelsDock",
    "SenDock",
    "SuperpixelsDock",
    "TrainDock",
]

FIRST_HINT = (
    "New here? Choose an image and press <b>4&nbsp;&nbsp;Superpixels</b>. "
    "Steps 1 and 2 are for teaching a model of your own."
)


PANELS: dict[str, type[StepPanel]] = {
    "train": TrainPanel,
    "embed": EmbedPanel,
    "superpixels": SuperpixelsPanel,
    "hierarchy": HierarchyPanel,
    "contours": ContoursPanel,
    "classes": PickPanel,
}


def import_file(path: Path) -> str:
    """Copy a model file among the user's models; imports torch, so not for the GUI thread."""
    from ...learn.registry import import_model

    return import_model(path)


class SenDock(QWidget):
    """The steps on one image: pseudo-labels, train, embed, superpixels, hierarchy, contours.

    ``idle`` is emitted when a step has ended in whatever way and its layers are in the viewer.
    """

    idle = Signal(str)
    steps: tuple[str, ...] = tuple(STEPS)

    def __init__(self, napari_viewer: napari.Viewer, session: Session | None = None) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.session = session or Session()
        self._owned = session is None
        self.session.granularity.layers = napari_viewer.layers
        self.session.picking.layers = napari_viewer.layers
        self.runner = JobRunner(self)
        self._searcher = JobRunner(self)
        self._importer = JobRunner(self)
        # A child: it does not outlive the dock, as a static single shot would.
        self._adder = QTimer(self)
        self._adder.setSingleShot(True)
        self._adder.timeout.connect(self._add_next)
        self._step = ""
        self._pending: list[Result] = []
        self._preview: Any = None
        self._message = ""
        self.growing = GrowingLayers(napari_viewer, self)
        self.image = ImageChooser(napari_viewer, self.session)
        self.part = PartChooser(napari_viewer, self.session)
        self.choices = ModelChooser(self.session)
        self.panels = {
            key: PANELS.get(key, StepPanel)(key, self.session, napari_viewer) for key in self.steps
        }
        self.status = StatusPanel()
        self.activity = Activity(self)
        self._lay_out()
        self._bind()
        for panel in self.panels.values():
            panel.write()
        self._image_changed()
        if session is None and preferences().remember:
            recall(self.session)
        if catalogue.found is None:
            self._searcher.start(lambda control: look_up())
        follow(self, inbox.arrived, self._open)
        for path in inbox.take():
            self._open(path)

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(2, 2, 8, 2)
        column.setSpacing(6)
        if len(self.panels) > 1:
            first = hint(FIRST_HINT)
            first.setTextFormat(Qt.TextFormat.RichText)
            column.addWidget(first)
        column.addWidget(self.image)
        column.addWidget(self.part)
        column.addWidget(self.choices)
        for panel in self.panels.values():
            column.addWidget(panel)
        defaults = self.defaults = QPushButton("Defaults")
        defaults.setToolTip("Set everything in this dock back to its default")
        defaults.clicked.connect(self._reset)
        column.addWidget(defaults)
        column.addStretch()
        scroll = VerticalScroll(inside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(scroll, 1)
        layout.addWidget(self.status)

    def _bind(self) -> None:
        for panel in self.panels.values():
            panel.run.connect(self.start)
            if isinstance(panel, PickPanel):
                panel.save.connect(self._save)
                panel.told.connect(self._end)
                panel.failed.connect(self._fail)
            if isinstance(panel, TrainPanel):
                panel.pause.connect(self._pause)
                panel.finish.connect(self._finish)
        self.status.cancel.connect(self.cancel)
        self.image.changed.connect(self._image_changed)
        follow(self, self.session.changed, self._follow)
        self.runner.progressed.connect(self.status.progress)
        self.runner.progressed.connect(self.activity.show)
        self.runner.live.connect(self._show_live)
        self.runner.succeeded.connect(self._take)
        self.runner.failed.connect(self._fail)
        self.runner.cancelled.connect(self._cancelled)
        self._searcher.succeeded.connect(catalogue.update)
        self._searcher.failed.connect(self._fail)
        self._importer.succeeded.connect(self._imported)
        self._importer.failed.connect(self._fail)

    def start(self, key: str) -> None:
        """Run a step; what is wrong with its input is said at once, before any work."""
        try:
            for each in (*STEPS[key].uses, key):
                if each in self.panels:
                    self.panels[each].read()
            wanted = preferences()
            self.session.models.limit = wanted.memory
            job = self.session.job(key, tuple(self.viewer.dims.point))
            self._launch(key, job)
            if wanted.remember:
                keep(self.session)
        except SenError as error:
            self._fail(str(error))

    def _reset(self) -> None:
        """Set all forms back to the defaults, and forget what was remembered."""
        forget()
        self.session.reset()
        self._end("All settings are back at their defaults.")

    def _open(self, path: Path) -> None:
        """Take a file that was dropped: an annotation, or a model."""
        panel = self.panels.get("classes")
        if path.name.endswith(ANNOTATION):
            if isinstance(panel, PickPanel):
                panel.open(path)
        elif not self._importer.is_busy:
            self._importer.start(lambda control: (import_file(path), look_up()))

    def _imported(self, outcome: tuple[str, Found]) -> None:
        from napari.utils.notifications import show_info

        catalogue.update(outcome[1])
        show_info(f"Model {outcome[0]} can be chosen now.")

    def _save(self, path: Path) -> None:
        """Write the annotation to a file."""
        try:
            self._launch("classes", self.session.saving(path))
        except SenError as error:
            self._fail(str(error))

    def _launch(self, key: str, job: Callable[[Control], Finished]) -> None:
        if self.runner.is_busy:
            raise SenError("a step is running already: wait for it, or cancel it first")
        self._step = key
        self._preview = None
        self.growing.begin()
        self._enable(False)
        self.status.begin(STEPS[key].title)
        self.activity.begin(STEPS[key].title)
        self.runner.start(job)

    def cancel(self) -> None:
        """Stop the running step."""
        if self.runner.is_busy:
            self.runner.cancel()
            self.status.stopping()

    def _pause(self, on: bool) -> None:
        self.runner.pause(on)
        self.status.paused(on)

    def _finish(self) -> None:
        """End the training early and keep its model."""
        self.runner.finish()
        self.status.stopping()

    def _enable(self, on: bool) -> None:
        for panel in self.panels.values():
            panel.button.setEnabled(on)
            panel.set_running(not on and panel.key == self._step)

    def _follow(self, name: str) -> None:
        if name in ("region", "mask", "channels"):
            self._image_changed()

    def _image_changed(self) -> None:
        for panel in self.panels.values():
            panel.image_changed()

    def _show_live(self, item: object) -> None:
        if isinstance(item, Preview):
            self._show_preview(item)
        elif isinstance(item, Growth):
            self.growing.show(item)
        elif isinstance(item, Result):
            self.growing.complete(item)
        else:
            self.session.live(item)

    def _show_preview(self, item: Preview) -> None:
        """Show what the model sees while it is trained, in a layer of its own."""
        new = item.result.to_layer()
        if self._preview is not None and self._preview in self.viewer.layers:
            self._preview.data = new.data
        else:
            self._preview = self.viewer.add_layer(new)

    def _drop_preview(self) -> None:
        if self._preview is not None and self._preview in self.viewer.layers:
            self.viewer.layers.remove(self._preview)
        self._preview = None

    def _take(self, finished: Finished) -> None:
        self.session.take(self._step, finished)
        self._preview = None  # the last picture stays
        if isinstance(finished.found, Found):
            catalogue.update(finished.found)
        self._pending, self._message = list(finished.results), finished.message
        self._add_next()

    def _add_next(self) -> None:
        """Add one layer and let the window breathe before the next."""
        if not self._pending:
            self._end(f"Done: {self._message}.")
            return
        result = self._pending.pop(0)
        if result.store is not None:
            self.growing.complete(result)
        else:
            layer = result.to_layer()
            if getattr(layer, "contour", 0):
                layer.contour = preferences().contour
            self.viewer.add_layer(layer)
        self._adder.start(0)

    def _cancelled(self) -> None:
        self._drop_preview()
        self._end(self.growing.stopped() or "Cancelled; nothing was kept.")

    def _fail(self, message: str) -> None:
        from napari.utils.notifications import show_error

        show_error(message)
        if not self.runner.is_busy:
            self._drop_preview()
        self._end(f"Not done: {message}.")

    def _end(self, text: str) -> None:
        if not self.runner.is_busy:
            self._step = ""
            self.status.idle(text)
            self._enable(True)
            self.activity.end()
            self.idle.emit(text)

    def event(self, event: QEvent | None) -> bool:
        """Stop, let go and be deleted when napari takes us out of the dock (X was clicked)."""
        taken = event is not None and event.type() == QEvent.Type.ParentChange
        if taken and self.parentWidget() is None:
            self.leave()
            self.deleteLater()
        return bool(super().event(event))

    def leave(self) -> None:
        """Stop the running step and follow neither viewer nor catalogue any longer."""
        self.runner.cancel()
        self._searcher.cancel()
        self._importer.cancel()
        self._pending = []
        self.growing.leave()
        self.activity.close()
        self.image.leave()
        self.part.leave()
        self.choices.leave()
        for panel in self.panels.values():
            panel.leave()
        if self._owned:
            self.session.close()


class PickDock(SenDock):
    """Picking, merging and classes alone."""

    steps = ("classes",)


class PseudoLabelsDock(SenDock):
    """Step 1 alone."""

    steps = ("pseudo_labels",)


class TrainDock(SenDock):
    """Step 2 alone."""

    steps = ("train",)


class EmbedDock(SenDock):
    """Step 3 alone."""

    steps = ("embed",)


class SuperpixelsDock(SenDock):
    """Step 4 alone."""

    steps = ("superpixels",)


class HierarchyDock(SenDock):
    """The merge tree and its slider alone."""

    steps = ("hierarchy",)


class ContoursDock(SenDock):
    """The contours alone."""

    steps = ("contours",)

"""The SEN dock: binds the session to widgets, and runs its steps off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QTimer, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from ...errors import SenError
from ..layers.preferences import preferences
from ..layers.results import Finished
from ..state.catalogue import Found, catalogue, look_up
from ..state.collecting import short_collections
from ..state.control import Control
from ..state.observed import follow
from ..state.words import in_words
from ..steps.remembered import forget, keep, recall
from ..steps.session import Session
from ..steps.steps import STEPS
from .activity import Activity
from .folding import folded
from .image_chooser import ImageChooser
from .incoming import Incoming
from .model_chooser import ModelChooser
from .outlines import Outlines
from .panels import panel_of
from .part_chooser import PartChooser
from .pick_panel import PickPanel
from .scroll import VerticalScroll
from .sections import folds, large_images
from .shown_results import ShownResults
from .status import StatusPanel
from .train_panel import TrainPanel
from .workers import JobRunner

if TYPE_CHECKING:
    import napari

__all__ = ["SenDock"]

LEAVE_OUT = "Leave these pixels out"


class SenDock(QWidget):
    """Superpixels of an image at once, and all else folded below.

    ``idle`` is emitted when a step has ended in whatever way and its layers are in the viewer.
    """

    idle = Signal(str)
    steps: tuple[str, ...] = tuple(STEPS)

    def __init__(self, napari_viewer: napari.Viewer, session: Session | None = None) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.session = session or Session()
        self._owned = session is None
        self.session.show_in(napari_viewer.layers)
        self.runner = JobRunner(self)
        self._searcher = JobRunner(self)
        # A child: it does not outlive the dock, as a static single shot would.
        self._adder = QTimer(self)
        self._adder.setSingleShot(True)
        self._adder.timeout.connect(self._add_next)
        self._step = self._last = ""
        self._message = ""
        self._predict_again = False
        self.results = ShownResults(napari_viewer, self.session, self)
        self.growing = self.results.growing
        self.image = ImageChooser(napari_viewer, self.session)
        self.part = PartChooser(napari_viewer, self.session)
        self.choices = ModelChooser(self.session)
        self.panels = {key: panel_of(key, self.session, napari_viewer) for key in self.steps}
        self.outlines = Outlines(napari_viewer, self.session, self)
        self.status = StatusPanel()
        self.activity = Activity(self)
        self.incoming = Incoming(self.panels.get("classes"), self)
        self.incoming.failed.connect(self._fail)
        self._lay_out()
        self._bind()
        for panel in self.panels.values():
            panel.write()
        self._image_changed()
        if session is None and preferences().remember:
            recall(self.session)
        if catalogue.found is None:
            self._searcher.start(lambda control: look_up())
        self.incoming.begin()

    def _lay_out(self) -> None:
        inside, options = QWidget(), QWidget()
        column, chosen = QVBoxLayout(inside), QVBoxLayout(options)
        column.setContentsMargins(2, 2, 8, 2)
        column.setSpacing(4)
        chosen.setContentsMargins(8, 0, 0, 4)
        chosen.addWidget(self.choices)
        chosen.addWidget(self.part)
        self.options = folded("Kind, model, region, mask", options)
        column.addWidget(self.image)
        column.addWidget(self.options)
        column.addWidget(next(iter(self.panels.values())))
        self.folds = folds(self.panels) if len(self.panels) > 1 else {}
        if "superpixels" in self.panels:
            self.folds["Large images"] = large_images(self.panels["superpixels"])
        for fold in self.folds.values():
            column.addWidget(fold)
        self.defaults = QPushButton("Defaults")
        self.defaults.setToolTip("Set everything in this dock back to its default")
        self.defaults.clicked.connect(self._reset)
        column.addWidget(self.defaults)
        column.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(2)
        layout.addWidget(VerticalScroll(inside), 1)
        layout.addWidget(self.status)

    def _bind(self) -> None:
        for panel in self.panels.values():
            panel.run.connect(self.start)
            if isinstance(panel, PickPanel):
                panel.save.connect(lambda path: self._work(lambda: self.session.saving(path)))
                panel.told.connect(self._end)
                panel.failed.connect(self._fail)
                panel.predict.connect(self._predict)
                panel.work.connect(self._work)
            if isinstance(panel, TrainPanel):
                panel.pause.connect(self._pause)
                panel.finish.connect(self._finish)
        follow(self, self.session.granularity.told, self._end)
        self.status.cancel.connect(self.cancel)
        self.status.remedy.connect(self._leave_out)
        self.image.changed.connect(self._image_changed)
        follow(self, self.session.changed, self._follow)
        self.runner.progressed.connect(self.status.progress)
        self.runner.progressed.connect(self.activity.show)
        self.runner.live.connect(self.results.live)
        self.runner.succeeded.connect(self._take)
        self.runner.failed.connect(self._fail)
        self.runner.cancelled.connect(self._cancelled)
        self._searcher.succeeded.connect(catalogue.update)
        self._searcher.failed.connect(self._fail)

    def start(self, key: str) -> None:
        """Run a step; what is wrong with its input is said at once, before any work."""
        self._last = key
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

    def _predict(self) -> None:
        """Carry what was painted to all others, once nothing else runs."""
        self._predict_again = self.runner.is_busy
        if not self._predict_again and self.session.picking.partition is not None:
            self.start("classes")

    def _leave_out(self) -> None:
        """Do the last step again without the pixels that are no numbers."""
        self.session.finite_only = True
        self.start(self._last)

    def _reset(self) -> None:
        """Set all forms back to the defaults, and forget what was remembered."""
        forget()
        self.session.reset()
        self._end("All settings are back at their defaults.")

    def _work(self, make: Callable[[], Callable[[Control], Finished]]) -> None:
        """Do a job of the panel of classes, once it can be made."""
        try:
            self._launch("classes", make())
        except SenError as error:
            self._fail(str(error))

    def _launch(self, key: str, job: Callable[[Control], Finished]) -> None:
        if self.runner.is_busy:
            raise SenError("a step is running already: wait for it, or cancel it first")
        self._step = key
        self.results.begin()
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
        if name in ("region", "mask", "channels", "finite_only"):
            self._image_changed()

    def _image_changed(self) -> None:
        for panel in self.panels.values():
            panel.image_changed()

    def _take(self, finished: Finished) -> None:
        if finished.trees is not None:
            self.growing.drop()
        self.session.take(self._step, finished)
        if isinstance(finished.found, Found):
            catalogue.update(finished.found)
        self.results.queue(finished)
        self._message = finished.message
        self._add_next()

    def _add_next(self) -> None:
        """Add one layer and let the window breathe before the next."""
        with short_collections():
            was_one = self.results.add_one()
        if was_one:
            self._adder.start(0)
        else:
            self._end(f"Done: {self._message}.")

    def _cancelled(self) -> None:
        self.results.drop_preview()
        self._end(self.growing.stopped() or "Cancelled; nothing was kept.")

    def _fail(self, message: str) -> None:
        from napari.utils.notifications import show_error

        message = in_words(message)
        show_error(message)
        if not self.runner.is_busy:
            self.results.drop_preview()
        self._end(f"Not done: {message}.")
        if self.results.has_gaps():
            self.status.offer(LEAVE_OUT)

    def _end(self, text: str) -> None:
        if not self.runner.is_busy:
            self._step = ""
            self.status.idle(text)
            self._enable(True)
            self.activity.end()
            self.idle.emit(text)
            if self._predict_again:
                self._predict()

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
        self.incoming.leave()
        self.results.leave()
        self.outlines.leave()
        self.activity.close()
        self.image.leave()
        self.part.leave()
        self.choices.leave()
        for panel in self.panels.values():
            panel.leave()
        if self._owned:
            self.session.close()

"""Buttons for objects, annotations of other layers, and recipes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFileDialog, QGridLayout, QMenu, QPushButton, QWidget

from ...errors import SenError
from ..layers.made import made_of
from ..state.observed import follow
from ..steps.exporting import class_counts, in_numbers
from ..steps.session import Session

__all__ = ["ObjectButtons", "push_button"]


class ObjectButtons(QWidget):
    """Join superpixels of one class; take classes from a layer; save and apply a recipe.

    ``work`` is emitted with what makes a job, ``told`` and ``failed`` with one sentence.
    """

    work = Signal(object)
    told = Signal(str)
    failed = Signal(str)

    def __init__(self, session: Session, viewer: Any) -> None:
        super().__init__()
        self._session, self._viewer = session, viewer
        self.join = push_button(
            "Join by class", "Merge superpixels of one class that touch: objects"
        )
        self.layers = push_button("From a layer", "Take classes from the values of a Labels layer")
        self.recipe = push_button("Save recipe ...", "Save how this was made, for other images")
        self.apply = push_button("Apply to a folder ...", "Do the same to all images of a folder")
        self.menu = QMenu(self)
        self.menu.aboutToShow.connect(self.offer)
        self.layers.setMenu(self.menu)
        self.join.clicked.connect(self._join)
        self.recipe.clicked.connect(self._ask_recipe)
        self.apply.clicked.connect(self._ask_folders)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(3)
        for place, button in enumerate((self.join, self.layers, self.recipe, self.apply)):
            layout.addWidget(button, place // 2, place % 2)
        follow(self, session.picking.changed, self.refresh)
        self.refresh()

    def leave(self) -> None:
        """Let go of the session."""
        self._session.picking.changed.disconnect(self.refresh, missing_ok=True)

    def refresh(self) -> None:
        """Offer what can be done."""
        self.join.setEnabled(self._session.picking.partition is not None)

    def offer(self) -> None:
        """List the Labels layers that a person has made."""
        self.menu.clear()
        for layer in self._viewer.layers:
            if type(layer).__name__ == "Labels" and made_of(layer) is None:
                action = self.menu.addAction(layer.name)
                assert action is not None
                action.triggered.connect(lambda _=False, layer=layer: self._take(layer))
        if self.menu.isEmpty():
            none = self.menu.addAction("no Labels layer of yours")
            assert none is not None
            none.setEnabled(False)

    def _take(self, layer: Any) -> None:
        self._try(lambda: self.told.emit(self._session.load_layer(layer)))

    def _join(self) -> None:
        self._try(self._join_and_tell)

    def _join_and_tell(self) -> None:
        self._session.picking.join()
        self.told.emit(f"Joined: {in_numbers(class_counts(self._session.picking))}.")

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except SenError as error:
            self.failed.emit(str(error))

    def _ask_recipe(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, "Save recipe", "recipe.json", "Recipes (*.json)"
        )
        if name:
            path = Path(name)
            path = path if path.suffix.lower() == ".json" else path.with_name(path.name + ".json")
            self.work.emit(partial(self._session.saving_recipe, path))

    def _ask_folders(self) -> None:
        images = QFileDialog.getExistingDirectory(self, "Folder of images")
        if images:
            out = QFileDialog.getExistingDirectory(self, "Folder for the results")
            if out:
                self.work.emit(partial(self._session.applying, Path(images), Path(out)))


def push_button(text: str, tooltip: str) -> QPushButton:
    """Return a button with a tooltip."""
    button = QPushButton(text)
    button.setToolTip(tooltip)
    return button

"""Chooser of the kind of image, the model and the device."""

from __future__ import annotations

from contextlib import suppress

from qtpy.QtWidgets import QFormLayout, QWidget

from ...errors import SenError
from ..state.catalogue import AUTO, Found, catalogue
from ..state.kinds import KIND_NAMES
from ..state.observed import follow
from ..steps.session import Session
from .layer_box import fill, named_combo

__all__ = ["ModelChooser"]


class ModelChooser(QWidget):
    """The kind of image, the model and the device; the lists follow the catalogue."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.kind = named_combo(
            "Kind of image",
            "What the image shows: it decides which model is used and how strongly edges count",
        )
        self.model = named_combo(
            "Model",
            "auto: the model for this kind of image; none: colours alone; or choose one, such as "
            "a model that you have trained",
        )
        self.device = named_combo(
            "Device", "Where the network runs; auto uses a GPU if there is one"
        )
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(3)
        layout.addRow("Kind of image", self.kind)
        layout.addRow("Model", self.model)
        layout.addRow("Device", self.device)
        self._show()
        self.kind.currentIndexChanged.connect(self._read_kind)
        self.model.currentIndexChanged.connect(self._read_model)
        self.device.currentIndexChanged.connect(self._read_device)
        follow(self, catalogue.changed, self._show)
        follow(self, session.changed, self._follow)

    def leave(self) -> None:
        """Let go of the catalogue and of the session."""
        catalogue.changed.disconnect(self._show, missing_ok=True)
        self._session.changed.disconnect(self._follow, missing_ok=True)

    def _follow(self, name: str) -> None:
        if name in ("model", "device", "kind", "layer"):
            self._show()

    def _show(self, *_: object) -> None:
        """Offer what was found, and what the session has."""
        found, session = catalogue.found or Found(), self._session
        likely = None
        with suppress(SenError):
            likely = session.source().kind if session.kind is None else session.kind
        guessed = "auto"
        if session.kind is None and likely is not None:
            guessed = f"auto: {KIND_NAMES[likely]}"
        kinds: list[tuple[str, object]] = [(guessed, None)]
        fill(self.kind, [*kinds, *((name, key) for key, name in KIND_NAMES.items())], session.kind)
        auto = "auto" if likely is None else f"auto: {likely}"
        models = [(auto, AUTO), ("none (colour only)", None)]
        models += [(name, name) for name in found.models]
        fill(self.model, models, session.model)
        devices = [("auto", AUTO), *((name, name) for name in found.devices)]
        fill(self.device, devices, session.device)

    def _read_kind(self, *_: object) -> None:
        self._session.kind = self.kind.currentData()

    def _read_model(self, *_: object) -> None:
        self._session.model = self.model.currentData()

    def _read_device(self, *_: object) -> None:
        self._session.device = self.device.currentData()

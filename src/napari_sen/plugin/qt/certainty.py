"""Buttons that show how sure a prediction is: as a layer, and where it is least."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from ...errors import SenError
from ..steps.classing import least_certain
from ..steps.session import Session

__all__ = ["Certainty"]


class Certainty(QWidget):
    """The least certain superpixel, and the layer of confidence; ``failed`` says why not."""

    failed = Signal(str)

    def __init__(self, session: Session, viewer: Any) -> None:
        super().__init__()
        self._picking, self._viewer = session.picking, viewer
        self.doubt = QPushButton("Least certain")
        self.doubt.setToolTip("Show the superpixel whose class is least certain")
        self.sure = QPushButton("Confidence")
        self.sure.setToolTip("Show or hide how sure the prediction is")
        self.doubt.clicked.connect(self._show_doubt)
        self.sure.clicked.connect(self._show_confidence)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.doubt, 1)
        layout.addWidget(self.sure, 1)

    def _show_doubt(self) -> None:
        try:
            label = least_certain(self._picking)
        except SenError as error:
            self.failed.emit(str(error))
            return
        self._picking.select([label])
        place = self._picking.centre(label)
        self._viewer.dims.set_point(range(len(place))[:-2], place[:-2])
        self._viewer.scene.camera.center = (0, *place[-2:])

    def _show_confidence(self) -> None:
        overlays = self._picking.overlays
        layer = None if overlays is None else overlays.helper("confidence")
        if layer is None:
            self.failed.emit("nothing is predicted yet: paint two classes and press Predict")
        else:
            layer.visible = not layer.visible

"""What becomes of results in the viewer: one layer of each kind, replaced, not piled up."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QObject

from ...errors import SenError
from ..layers.growing import Growth
from ..layers.looks import line_width
from ..layers.made import made_of, same_layer
from ..layers.results import Finished, Preview, Result
from ..state.placement import full_resolution
from ..steps.session import Session
from .growing_layer import GrowingLayers

__all__ = ["ShownResults"]

# Pictures that lie over the image: one of them is looked at at a time.
PICTURES = ("embedding", "contours", "boundary map")


class ShownResults(QObject):
    """Adds the layers of a step, and those that a running step shows on the way."""

    def __init__(self, viewer: Any, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._pending: list[Result] = []
        self._preview: Any = None
        self._image: Any = None
        self.growing = GrowingLayers(viewer, self)

    def begin(self) -> None:
        """Follow that a step begins, on the chosen image."""
        self._preview, self._image = None, self._session.layer
        self.growing.begin()

    def live(self, item: object) -> None:
        """Show what a running step tells."""
        if isinstance(item, Preview):
            self._show_preview(item)
        elif isinstance(item, Growth):
            self._dress(self.growing.show(item))
        elif isinstance(item, Result):
            self._dress(self.growing.complete(item))
        else:
            self._session.live(item)

    def queue(self, finished: Finished) -> None:
        """Take results, to be added one by one."""
        self._preview = None  # the last picture stays
        self._pending = list(finished.results)

    def add_one(self) -> bool:
        """Add the next layer; return whether there was one."""
        if not self._pending:
            return False
        result = self._pending.pop(0)
        if result.store is not None:
            layer = self.growing.complete(result)
            self._dress(layer)
            about = made_of(layer)
            if about is not None and about.what == "superpixels" and layer.visible:
                self._session.granularity.looks.apply(layer)  # what was unfinished was paler
            self._session.granularity.changed.emit()
        else:
            self._show(result)
        return True

    def _dress(self, layer: Any) -> None:
        """Draw superpixels on disk like all others, and alone; the first time that they are shown.

        Before that nothing is known of the image that they are of.
        """
        about = made_of(layer)
        if about is None or about.what != "superpixels" or about.source is self._image:
            return
        about.source = self._image
        self._hide("superpixels")
        self._session.granularity.looks.apply(layer)
        self._session.granularity.follow(layer)

    def _show(self, result: Result) -> None:
        layer = result.to_layer()
        about = made_of(layer)
        if about is not None:
            about.source = self._image
            if about.what in PICTURES:
                self._hide(*PICTURES)
            elif about.what == "superpixels":
                self._hide("superpixels")
        old = self._earlier(layer)
        if old is not None and old.multiscale == layer.multiscale:
            self._session.picking.forget(old)
            _replace(old, layer)
            layer = old
        else:
            self._viewer.add_layer(layer)
        if about is not None and about.what == "superpixels":
            self._session.granularity.looks.apply(layer)
        elif about is not None and about.what == "pseudo-labels":
            layer.contour = line_width(layer, self._viewer.scene.camera.zoom)
            self._hide("superpixels")
            layer.visible = True

    def _earlier(self, layer: Any) -> Any:
        """Return the layer that shows the same of the same image already."""
        about = made_of(layer)
        for other in self._viewer.layers:
            found = made_of(other)
            if about is None or found is None or found.what != about.what:
                continue
            if found.source is self._image and other.name == layer.name:
                return other if other.ndim == layer.ndim else None
        return None

    def _hide(self, *kinds: str) -> None:
        for layer in self._viewer.layers:
            about = made_of(layer)
            if about is not None and about.what in kinds:
                layer.visible = False

    def _show_preview(self, item: Preview) -> None:
        """Show what the model sees while it is trained, in a layer of its own."""
        new = item.result.to_layer()
        if same_layer(self._viewer.layers, self._preview):
            self._preview.data = new.data
        else:
            self._viewer.add_layer(new)
            self._preview = new  # and not the stand-in that napari gives to a plugin

    def drop_preview(self) -> None:
        """Take the picture of a training away."""
        if same_layer(self._viewer.layers, self._preview):
            self._viewer.layers.remove(self._preview)
        self._preview = None

    def has_gaps(self) -> bool:
        """Return whether the chosen image, in memory, has pixels that are no numbers."""
        session = self._session
        if session.layer is None or session.finite_only:
            return False
        data = full_resolution(session.layer)
        if not isinstance(data, np.ndarray) or data.dtype.kind != "f":
            return False
        try:
            return not session.source(tuple(self._viewer.dims.point)).finite.all()
        except SenError:
            return False

    def leave(self) -> None:
        """Show nothing any more."""
        self._pending = []
        self.growing.leave()


def _replace(old: Any, new: Any) -> None:
    """Show in a layer what another one shows, where that lies."""
    old.data = new.data
    for name in ("scale", "translate", "rotate", "shear", "affine"):
        setattr(old, name, getattr(new, name))
    old.visible = True
    old.metadata.update(new.metadata)
    if hasattr(new, "features"):
        old.features = new.features
    elif not new.rgb:
        old.contrast_limits = new.contrast_limits

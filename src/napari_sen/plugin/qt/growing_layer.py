"""The layer of a result that grows: there from the first tile on, refreshed as tiles come."""

from __future__ import annotations

import time
from typing import Any

from qtpy.QtCore import QCoreApplication, QObject, QTimer

from ..layers.growing import Growth
from ..layers.made import KEY, Made
from ..layers.results import Result

__all__ = ["GrowingLayers"]

TICK = 200  # ms: a tile that came into view is shown so soon
PAUSE = 1.0  # s between two refreshes for tiles that were added
STORE = "napari-sen store"  # in a layer's metadata: where its pixels will be


class GrowingLayers(QObject):
    """Shows one growing result at a time in a viewer."""

    def __init__(self, viewer: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._growth: Growth | None = None
        self._layer: Any = None
        self._is_current = False
        self._last = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(TICK)
        self._timer.timeout.connect(self._follow)
        app = QCoreApplication.instance()
        if app is not None:  # Python would wait for the threads
            app.aboutToQuit.connect(self._leave_store)

    @property
    def n_done(self) -> int:
        """Number of tiles of the result shown last that are there."""
        store = None if self._growth is None else self._growth.store
        return 0 if store is None else store.n_done

    def show(self, growth: Growth) -> Any:
        """Follow a result from now on; return its layer, which comes with its store."""
        if growth is not self._growth:
            self._leave_store()
        self._growth, self._is_current = growth, True
        if growth.store is not None:
            self._layer = self.put(growth.result())
            self._timer.start()
        return self._layer

    def begin(self) -> None:
        """Follow that a step begins, of which it is not known yet whether its result grows."""
        self._is_current = False

    def stopped(self) -> str:
        """Return a sentence about what a stop has left; empty if the result did not grow."""
        return self._growth.kept if self._is_current and self._growth is not None else ""

    def complete(self, result: Result) -> Any:
        """Show the final pixels of a result that lies on disk; return its layer."""
        layer = self.put(result)
        self._leave_store()
        return layer

    def drop(self) -> None:
        """Take the layer of the step that has ended away: what it showed comes otherwise."""
        if self._is_current and self._growth is not None:
            goal = str(self._growth.goal)
            self._leave_store()
            for layer in [each for each in self._viewer.layers if each.metadata.get(STORE) == goal]:
                self._viewer.layers.remove(layer)

    def put(self, result: Result) -> Any:
        """Return the layer of a result, in the viewer: that which shows its store, or a new one."""
        layer = self._find(result)
        if layer is None:
            layer = as_layer(result)
            self._viewer.add_layer(layer)
            return layer
        layer.data = result.data
        for name, value in result.placement.transform.items():
            setattr(layer, name, value)
        layer.editable = False
        return layer

    def leave(self) -> None:
        """Refresh no longer: the dock goes."""
        if self._growth is not None and self._growth.store is not None:
            self._growth.store.patient = True
        self._leave_store()

    def _leave_store(self) -> None:
        self._timer.stop()
        if self._growth is not None and self._growth.store is not None:
            self._growth.store.close()
        self._growth = self._layer = None

    def _find(self, result: Result) -> Any:
        """Return the layer that shows a store already."""
        for layer in self._viewer.layers:
            same = layer.metadata.get(STORE) == str(result.store)
            if same and layer.ndim == len(result.placement.transform["scale"]):
                return layer
        return None

    def _follow(self) -> None:
        growth, layer = self._growth, self._layer
        if growth is None or growth.store is None:
            return
        if layer not in self._viewer.layers:  # someone took it away; the run goes on
            self._timer.stop()
            growth.store.close()
            return
        now = time.monotonic()
        if not layer.visible or not growth.store.has_news(now - self._last >= PAUSE):
            return
        layer.refresh(extent=False, highlight=False)
        self._last = now


def as_layer(result: Result) -> Any:
    """Return the layer of a result that lies on disk: it knows its place, and is not edited."""
    layer = result.to_layer()
    layer.metadata[STORE] = str(result.store)
    layer.editable = False
    layer.metadata.setdefault(KEY, Made("stored"))
    return layer

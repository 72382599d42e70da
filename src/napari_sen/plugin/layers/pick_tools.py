"""Mouse and keys of the layer whose superpixels are picked: napari's layer API, no Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ...errors import SenError
from .overlays import COLOURS
from .picking import Picking

__all__ = ["KEYS", "PickTools"]

# napari's names of the keys, what they do, and how a person reads them.
KEYS: tuple[tuple[str, str, str], ...] = (
    ("M", "merge", "M: merge"),
    ("S", "split", "S: split back"),
    ("T", "toggle_tool", "T: select or paint"),
    ("Escape", "deselect", "Esc: select nothing"),
    ("Control-Z", "undo", "Ctrl+Z: undo"),
    ("Control-Shift-Z", "redo", "Ctrl+Shift+Z: redo"),
)


class PickTools:
    """Gives a layer the mouse and the keys while its superpixels are picked.

    Dragging picks instead of moving the camera (zoom with the wheel; hold space to move), and the
    layer cannot be painted pixel by pixel.

    Parameters
    ----------
    picking : Picking
        What the mouse and the keys act on.
    tell : callable
        Called with one sentence when something cannot be done.
    """

    def __init__(self, picking: Picking, tell: Callable[[str], None]) -> None:
        self._picking, self._tell = picking, tell
        self._layer: Any = None
        self._before: tuple[bool, bool] = (True, True)
        self._bound: list[Any] = []

    def attach(self, layer: Any) -> None:
        """Bind mouse and keys of ``layer``."""
        self.detach()
        self._layer = layer
        self._before = layer.editable, layer.mouse_pan
        layer.editable = False
        layer.mouse_pan = False
        layer.mouse_drag_callbacks.append(self._drag)
        keys = dict(layer.keymap)
        for key, name, _ in KEYS:
            layer.bind_key(key, self._key(name), overwrite=True)
        for number in range(len(COLOURS) + 1):
            layer.bind_key(str(number), self._paint_key(number), overwrite=True)
        self._bound = [key for key in layer.keymap if key not in keys]

    def detach(self) -> None:
        """Give mouse and keys back."""
        layer, self._layer = self._layer, None
        if layer is None:
            return
        layer.mouse_drag_callbacks.remove(self._drag)
        for key in self._bound:
            layer.keymap.pop(key, None)
        layer.editable, layer.mouse_pan = self._before

    def do(self, name: str) -> None:
        """Do what a key does: "merge", "split", ...; what is wrong is told."""
        picking = self._picking
        actions: dict[str, Callable[[], object]] = {
            "merge": picking.merge,
            "split": picking.split,
            "undo": picking.undo,
            "redo": picking.redo,
            "deselect": lambda: picking.select([]),
            "toggle_tool": self._toggle,
        }
        self._try(actions[name])

    def paint(self, number: int) -> None:
        """Put the selected pieces into a class, which becomes the current one."""

        def act() -> None:
            if self._picking.selected:
                self._picking.paint(value=number)
            if number:
                self._picking.current = min(number, len(self._picking.class_names))

        self._try(act)

    def _toggle(self) -> None:
        self._picking.tool = "paint" if self._picking.tool == "select" else "select"

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except SenError as error:
            self._tell(str(error))

    def _key(self, name: str) -> Callable[[Any], None]:
        def act(layer: Any) -> None:
            self.do(name)

        return act

    def _paint_key(self, number: int) -> Callable[[Any], None]:
        def act(layer: Any) -> None:
            self.paint(number)

        return act

    def _drag(self, layer: Any, event: Any) -> Iterator[None]:
        """Select (or paint) what is clicked and dragged over, as one step."""
        if event.button != 1 or event.handled:
            return
        picking = self._picking
        before = set(picking.selected)
        shift = "Shift" in event.modifiers
        here = picking.index_of(event.position)
        touched = picking.along(here, here)
        picking.select(before ^ touched if shift and picking.tool == "select" else touched)
        yield
        while event.type == "mouse_move":
            there = picking.index_of(event.position)
            new = picking.along(here, there) - touched
            here, touched = there, touched | new
            if new:
                picking.select(new, "add")
            yield
        if picking.tool == "paint":
            picking.select([])
            if touched:
                self._try(partial(picking.paint, touched))
            picking.select(before)

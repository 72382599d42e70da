"""The classes that superpixels are painted with, and what a click does."""

from __future__ import annotations

from typing import Literal

from psygnal import Signal

from ...errors import ParameterError
from .overlays import COLOURS

__all__ = ["PaintBox", "Tool"]

Tool = Literal["select", "paint"]


class PaintBox:
    """Names of classes, and the tool in hand.

    Attributes
    ----------
    tool : {"select", "paint"}
        What a click does.
    class_names : list of str
        Names of the classes 1, 2, ...
    current : int
        The class that is painted.
    """

    changed = Signal()
    edited = Signal()  # merged, split, painted, named
    reshaped = Signal()  # merged, split
    leaving = Signal()  # the layer is about to be let go of

    def __init__(self) -> None:
        self._tool: Tool = "paint"
        self.class_names = ["background", "object"]
        self._current = 1

    @property
    def tool(self) -> Tool:
        """What a click does."""
        return self._tool

    @tool.setter
    def tool(self, tool: Tool) -> None:
        self._tool = tool
        self.changed.emit()

    @property
    def current(self) -> int:
        """The class that is painted."""
        return self._current

    @current.setter
    def current(self, number: int) -> None:
        self._current = number
        self.changed.emit()

    def add_class(self, name: str = "") -> int:
        """Add a class, make it the current one, and return its number."""
        if len(self.class_names) == len(COLOURS):
            raise ParameterError(f"there are {len(COLOURS)} classes already, which is the limit")
        self.class_names.append(name or f"class {len(self.class_names) + 1}")
        self.current = len(self.class_names)
        self.edited.emit()
        return self.current

    def rename_class(self, number: int, name: str) -> None:
        """Give class ``number`` (from 1) another name."""
        self.class_names[number - 1] = name.strip() or f"class {number}"
        self.changed.emit()
        self.edited.emit()

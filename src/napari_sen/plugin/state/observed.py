"""State that tells of its changes, and widgets that listen as long as they live; no Qt in here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

from psygnal import SignalInstance

__all__ = ["Observed", "follow"]

_T = TypeVar("_T")


class Observed(Generic[_T]):
    """An attribute; setting it to another value emits its owner's ``changed`` with its name."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name, self._place = name, f"_{name}"

    @overload
    def __get__(self, instance: None, owner: type) -> Observed[_T]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> _T: ...

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else getattr(instance, self._place)

    def __set__(self, instance: Any, value: _T) -> None:
        before = getattr(instance, self._place, self)
        setattr(instance, self._place, value)
        # Layers are compared by what they are, not by what they hold.
        if before is not value and (type(before) is not type(value) or before != value):
            instance.changed.emit(self._name)


def follow(widget: Any, signal: SignalInstance, slot: Callable[..., object]) -> None:
    """Call a widget's ``slot`` with a signal until Qt deletes the widget.

    Python's half of a widget may outlive Qt's, and must not be called then.
    """
    signal.connect(slot)
    widget.destroyed.connect(lambda: signal.disconnect(slot, missing_ok=True))

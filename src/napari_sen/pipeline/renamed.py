"""Arguments that have had other names: they work for one release more, with a warning."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from ..errors import ParameterError

__all__ = ["renamed"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
_VALUES: Mapping[str, Mapping[Any, Any]] = {"mode": {"flat": "snic", "adaptive": "tree"}}


def renamed(**names: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Return a decorator of a function some of whose keywords have had other names.

    Parameters
    ----------
    **names : str
        The present name of each former one.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(function)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            for old in names.keys() & kwargs.keys():
                new, value = names[old], kwargs.pop(old)
                if new in kwargs:
                    raise ParameterError(f"{old} is the former name of {new}: give {new} alone")
                known = _VALUES.get(old, {})
                kwargs[new] = known.get(value, value) if isinstance(value, str) else value
                warnings.warn(
                    f"{old}={value!r} is now {new}={kwargs[new]!r}", FutureWarning, stacklevel=2
                )
            return function(*args, **kwargs)

        return call

    return decorate

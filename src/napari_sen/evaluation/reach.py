"""Ask a method again until it makes the number of superpixels that is wanted."""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

from numpy.typing import NDArray

from ..core.metrics import K_TOLERANCE, count_components

__all__ = ["MAX_TRIES", "Reached", "is_near", "reach"]

MAX_TRIES = 6


class Reached(NamedTuple):
    """The label map nearest to the number wanted; ``seconds`` are those of this cut alone."""

    labels: NDArray[Any]
    made: int
    request: float
    tries: int
    seconds: float


def is_near(made: float, wanted: float) -> bool:
    """Return whether a number of superpixels counts as the one wanted: within 3 %."""
    return abs(made - wanted) <= K_TOLERANCE * wanted


def reach(cut: Callable[[float], NDArray[Any]], wanted: int, known: dict[float, int]) -> Reached:
    """Cut an image into about ``wanted`` connected superpixels.

    Parameters
    ----------
    cut : callable
        Takes the number asked for and returns labels; methods may make another number.
    wanted : int
        The number of superpixels to come within 3 % of.
    known : dict from float to int
        Numbers made by numbers asked for, of the same image; used for the first guess, and
        filled.

    Returns
    -------
    Reached
        Of at most :data:`MAX_TRIES` cuts the nearest one.
    """
    best: Reached | None = None
    tries = 0
    while tries < MAX_TRIES:
        request = _guess(known, wanted)
        if best is not None and request in known:
            break  # the method makes nothing between its steps
        start = perf_counter()
        labels = cut(request)
        seconds = perf_counter() - start
        tries += 1
        made = known[request] = count_components(labels)
        if best is None or abs(made - wanted) < abs(best.made - wanted):
            best = Reached(labels, made, request, tries, seconds)
        if is_near(made, wanted):
            break
    assert best is not None
    return best._replace(tries=tries)


def _guess(known: dict[float, int], wanted: int) -> float:
    """Return what to ask for next: between the nearest answers on both sides, in logarithms."""
    if not known:
        return float(wanted)
    below = max((ask for ask, made in known.items() if made <= wanted), default=None)
    above = min((ask for ask, made in known.items() if made > wanted), default=None)
    if below is not None and above is not None and below < above:
        low, high = math.log(known[below]), math.log(known[above])
        share = min(max((math.log(wanted) - low) / (high - low), 0.1), 0.9)
        return _rounded(below * (above / below) ** share)
    nearest = below if above is None or below is not None else above
    assert nearest is not None
    return _rounded(nearest * wanted / known[nearest])


def _rounded(ask: float) -> float:
    """Return a request of few digits: most methods take whole numbers."""
    return float(max(round(ask), 1)) if ask >= 20 else max(round(ask, 1), 1.0)

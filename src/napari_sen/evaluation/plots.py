"""The plots of a comparison: the paper's figures 7 to 9."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from ..disk import atomic
from ..errors import ParameterError
from .summary import Curve

__all__ = ["FIGURES", "check_matplotlib", "write_plots"]

FIGURES = {"f1": "boundary F1", "asa": "ASA", "cuse": "CUSE (1 - ASA)"}


def check_matplotlib(without: str = "leave them out with plots=False (--no-plots)") -> None:
    """Raise ParameterError if plots cannot be drawn; ``without`` says how to do without them."""
    if find_spec("matplotlib") is None:
        raise ParameterError(
            "plots need matplotlib, which is not installed: pip install 'napari-sen[bench]', or "
            f"{without}"
        )


def write_plots(curves: Sequence[Curve], folder: Path, title: str) -> list[Path]:
    """Draw F1, ASA and CUSE against the number of superpixels really made.

    Returns
    -------
    list of Path
        ``f1.png``, ``asa.png``, ``cuse.png``.
    """
    check_matplotlib()
    from matplotlib.figure import Figure

    paths = []
    for name, words in FIGURES.items():
        figure = Figure(figsize=(7, 5), layout="constrained")
        axes = figure.add_subplot()
        for place, curve in enumerate(curves):
            values = curve.values["asa" if name == "cuse" else name].mean(axis=1)
            values = 1 - values if name == "cuse" else values
            dashes = ("-", "--", ":")[place // 10 % 3]  # the colours repeat after ten
            axes.plot(curve.made, values, dashes, marker="o", markersize=4, label=curve.method)
        axes.set(xlabel="superpixels really made", ylabel=words, title=title)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", ncols=2)
        path = folder / f"{name}.png"
        with atomic(path, overwrite=True) as temporary:
            figure.savefig(temporary, dpi=150, format="png")
        paths.append(path)
    return paths

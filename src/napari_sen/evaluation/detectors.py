"""Boundary detectors that the benchmark compares: ours, and the classical ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_gradient_magnitude
from skimage.color import rgb2gray
from skimage.filters import sobel

from ..core.contours import share_of_cuts, suppress_non_maxima
from ..core.strength import half_disc_difference
from ..errors import DataError, ParameterError
from ..params import ContourParams, Kind, SegmentParams
from ..pipeline.contour_maps import ContourMap, tree_params
from ..pipeline.features import Scene
from ..pipeline.model_choice import choose_model
from ..pipeline.run import Run
from ..pipeline.trees import scene_tree
from .datasets import Item
from .detector_settings import DETECTORS, FLAT, LEARNT, PLAIN, SIGMA, SIZES, TREES
from .methods import kind_of_model, scene_of

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = ["CLASSICAL", "Detector", "make_detector"]

Detector = Callable[[Item], NDArray[np.float32]]


def make_detector(name: str, model: str | None = None) -> Detector:
    """Return a detector: a callable that takes an item and returns strengths in [0, 1], (Y, X).

    Parameters
    ----------
    name : str
        One of :data:`DETECTORS` but "human", which is no detector.
    model : str, optional
        Name or path; those with an embedding need one. A bundled one brings the parameters that
        suit its kind of image.

    Raises
    ------
    ParameterError
        The name is unknown, or the model is missing.
    """
    if name not in DETECTORS or name == "human":
        raise ParameterError(f"unknown detector {name!r}; choose among {', '.join(DETECTORS)}")
    if name in CLASSICAL:
        return CLASSICAL[name]
    loaded = None
    if name in LEARNT:
        if model is None:
            raise ParameterError(f"detector {name!r} needs a model: give its name or path")
        loaded = choose_model(model, required=True)
    kind = kind_of_model(model)
    if name.endswith("tree"):
        return partial(_tree, loaded, kind)
    if name.endswith("trees"):
        return partial(_contours, TREES, None, loaded, kind)
    return partial(_contours, SIZES, FLAT, loaded, kind)


def _scene(item: Item, model: Model | None = None) -> Scene:
    scene = scene_of(item, model)
    if scene.image.n_spatial != 2:
        raise DataError(f"image {item.name!r} is a volume, but contours are compared in 2-D")
    return scene


def _contours(
    params: ContourParams,
    flat: SegmentParams | None,
    model: Model | None,
    kind: Kind | None,
    item: Item,
) -> NDArray[np.float32]:
    image = _scene(item).image
    kind = kind or image.kind
    params = params.settled(kind)
    tree = tree_params(params).tree(kind)
    growth = tree.leaves if flat is None else flat.growth(kind)
    run = Run(ContourMap(params, tree.merging, growth), image, model, "cpu")
    run.run()
    strength: NDArray[np.float32] = run.result()
    return strength


def _tree(model: Model | None, kind: Kind | None, item: Item) -> NDArray[np.float32]:
    scene = _scene(item, model)
    kind = kind or scene.image.kind
    return share_of_cuts(scene_tree(scene, PLAIN.tree(kind)))


def _half_disc(item: Item) -> NDArray[np.float32]:
    scene = _scene(item)
    return suppress_non_maxima(half_disc_difference(scene.sharp(scene.whole)))


def _grey(item: Item) -> NDArray[np.float64]:
    """Return the image as one channel, 0 to 1."""
    scene = _scene(item)
    planes = scene.planes(scene.whole, 3)
    grey: NDArray[np.float64] = rgb2gray(np.clip(planes, 0, 1).astype(np.float64))
    return grey


def _sobel(item: Item) -> NDArray[np.float32]:
    strength: NDArray[np.float32] = np.clip(sobel(_grey(item)), 0, 1).astype(np.float32)
    return strength


def _canny(item: Item) -> NDArray[np.float32]:
    # A step from 0 to 1 has the slope 1 / (sigma sqrt(2 pi)): the largest strength is 1.
    slope = gaussian_gradient_magnitude(_grey(item), SIGMA) * SIGMA * np.sqrt(2 * np.pi)
    return suppress_non_maxima(np.clip(slope, 0, 1))


CLASSICAL: Mapping[str, Detector] = {
    "sobel": _sobel,
    "canny": _canny,
    "half-disc": _half_disc,
}

"""The superpixels of other packages, on the same colour features as ours (CIELAB for RGB)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label as label_components
from skimage.segmentation import felzenszwalb, slic, watershed

from ..core.strength import gradient_magnitude
from ..errors import DataError, ParameterError
from ..pipeline.features import Scene
from .settings import (
    FelzenszwalbSettings,
    HigraSettings,
    LscSettings,
    OpencvSlicSettings,
    SeedsSettings,
    SlicSettings,
    WatershedSettings,
)

__all__ = ["FRAGMENT", "PEERS", "Cut", "Peer", "absorb_fragments", "check_installed"]

Cut = Callable[[float], NDArray[Any]]

# A piece below this share of the mean size asked for is a fragment, as in SLIC's own last step.
FRAGMENT = 0.25
OPENCV = ("cv2", "OpenCV with its contributed modules", "pip install 'napari-sen[bench]'")
HIGRA = ("higra", "higra", "pip install 'napari-sen[bench]'")
FAST_SLIC = ("fast_slic", "fast-slic", "pip install fast-slic")
# OpenCV's constants. Its MSLIC (102) is left out: on some small images version 5.0 ends the process
# with a segmentation fault.
SLIC_KINDS = {"opencv-slic": 100, "slico": 101}
# OpenCV's methods may end the process on images of a few pixels (opencv_contrib#2023).
SMALLEST_SIDE = 32


@dataclass(frozen=True)
class Peer:
    """A method of another package.

    ``run`` takes what ``image`` makes of the image (the image as the method wants it, or the
    hierarchy of all its cuts), its settings and the number asked for; ``needs`` is (module, its
    name in words, how to install it).
    """

    about: str
    run: Callable[[Any, Any, float], NDArray[Any]]
    image: Callable[[Scene, Any], Any]
    needs: tuple[str, str, str] | None = None
    planar: bool = False

    def prepare(self, scene: Scene, settings: Any, name: str) -> Cut:
        """Return what cuts an image; ``name`` is the image's, for the error."""
        if self.planar and scene.image.n_spatial != 2:
            raise DataError(
                f"image {name!r} is a volume, which this method cannot take: leave the method "
                f"out ({self.about})"
            )
        return partial(self.run, self.image(scene, settings), settings)


def check_installed(name: str) -> None:
    """Raise ParameterError if the package that a method needs is absent."""
    needs = PEERS[name].needs
    if needs is not None and find_spec(needs[0]) is None:
        raise ParameterError(
            f"method {name!r} needs {needs[1]}, which is not installed: {needs[2]}"
        )


def absorb_fragments(labels: NDArray[Any], smallest: float) -> NDArray[np.int32]:
    """Return the connected pieces of a label map; small ones are flooded by their neighbours.

    Parameters
    ----------
    labels : (*spatial) array of int
        Any numbers; every pixel belongs to a piece.
    smallest : float
        Pieces of fewer pixels go, unless that would leave none.

    Returns
    -------
    (*spatial) int32 array
        Pieces 1, 2, ..., each connected by faces.
    """
    pieces = label_components(labels, background=-1, connectivity=1)
    sizes = np.bincount(pieces.ravel())
    keep = sizes >= min(smallest, sizes.max())
    markers = np.where(keep, np.cumsum(keep), 0)[pieces]
    flat = np.zeros(labels.shape, np.uint8)
    flooded: NDArray[np.int32] = watershed(flat, markers, connectivity=1).astype(np.int32)
    return flooded


def _colour(scene: Scene, settings: Any) -> NDArray[np.float32]:
    return scene.colour(scene.whole, settings.smoothing)


def _gradient(scene: Scene, settings: WatershedSettings | HigraSettings) -> NDArray[np.float32]:
    return gradient_magnitude(scene.colour(scene.whole, settings.smoothing))


def _bytes(scene: Scene, settings: Any) -> NDArray[np.uint8]:
    """Return the colour features in 8 bits: OpenCV's own scale of CIELAB for RGB."""
    colour = _colour(scene, settings)
    if scene.image.raster.rgb:
        colour = colour * np.array([2.55, 1, 1], np.float32) + np.array([0, 128, 128], np.float32)
    else:
        colour = colour * np.float32(2.55)
    return np.ascontiguousarray(np.clip(np.rint(colour), 0, 255).astype(np.uint8))


def _slic(colour: NDArray[Any], settings: SlicSettings, wanted: float) -> NDArray[Any]:
    # It rescales its input to 0...1, so the compactness must shrink alike.
    compactness = settings.compactness / max(float(np.ptp(colour)), 1e-6)
    found: NDArray[Any] = slic(
        colour, round(wanted), compactness=compactness, convert2lab=False, start_label=1
    )
    return found


def _felzenszwalb(
    colour: NDArray[Any], settings: FelzenszwalbSettings, wanted: float
) -> NDArray[Any]:
    area = colour.shape[0] * colour.shape[1] / wanted
    smallest = max(settings.smallest * area, 1)
    # Its scale counts for colours in 0...1; smoothing was done before.
    labels = felzenszwalb(
        colour.astype(np.float64) / 100,
        scale=settings.scale * area,
        sigma=0,
        min_size=round(smallest),
        channel_axis=-1,
    )
    return absorb_fragments(labels, smallest)  # it joins pixels by corners


def _watershed(gradient: NDArray[Any], settings: WatershedSettings, wanted: float) -> NDArray[Any]:
    found: NDArray[Any] = watershed(
        gradient, markers=round(wanted), compactness=settings.compactness
    )
    return found


def _higra(attribute: str, scene: Scene, settings: HigraSettings) -> Cut:
    """Return the cuts of a hierarchical watershed: what an edge must enclose to stay."""
    import higra

    gradient = _gradient(scene, settings)
    graph = higra.get_4_adjacency_graph(gradient.shape)
    weights = higra.weight_graph(
        graph, gradient.ravel().astype(np.float64), higra.WeightFunction.mean
    )
    tree, altitudes = getattr(higra, f"watershed_hierarchy_by_{attribute}")(graph, weights)
    explorer = higra.HorizontalCutExplorer(tree, altitudes)

    def cut(wanted: float) -> NDArray[Any]:
        found = explorer.horizontal_cut_from_num_regions(round(wanted))
        names = found.labelisation_leaves(tree)
        return np.unique(names, return_inverse=True)[1].reshape(gradient.shape) + 1

    return cut


def _cut(hierarchy: Cut, settings: HigraSettings, wanted: float) -> NDArray[Any]:
    return hierarchy(wanted)


def _watershed_hierarchy(attribute: str) -> Peer:
    about = f"higra's hierarchical watershed of the gradient by {attribute}"
    return Peer(about, _cut, partial(_higra, attribute), HIGRA, planar=True)


@contextmanager
def _one_thread(cv2: Any) -> Any:
    """Let OpenCV use one thread, as all others do, for the time of a call."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _from_opencv(
    make: Callable[[Any, NDArray[Any], Any, float], Any],
    image: NDArray[Any],
    settings: Any,
    wanted: float,
) -> NDArray[Any]:
    import cv2

    with _one_thread(cv2):
        labels = np.asarray(make(cv2.ximgproc, image, settings, wanted).getLabels())
    return absorb_fragments(labels, FRAGMENT * labels.size / wanted)


def _seeds(ximgproc: Any, image: NDArray[Any], settings: SeedsSettings, wanted: float) -> Any:
    height, width, channels = image.shape
    found = ximgproc.createSuperpixelSEEDS(
        width, height, channels, round(wanted), settings.levels, settings.prior, settings.bins
    )
    found.iterate(image, settings.iterations)
    return found


def _region_size(image: NDArray[Any], wanted: float) -> int:
    return max(round(float(np.sqrt(image.shape[0] * image.shape[1] / wanted))), 1)


def _lsc(ximgproc: Any, image: NDArray[Any], settings: LscSettings, wanted: float) -> Any:
    found = ximgproc.createSuperpixelLSC(image, _region_size(image, wanted), settings.ratio)
    found.iterate(settings.iterations)
    return found


def _opencv_slic(
    kind: int, ximgproc: Any, image: NDArray[Any], settings: OpencvSlicSettings, wanted: float
) -> Any:
    size = _region_size(image, wanted)
    found = ximgproc.createSuperpixelSLIC(image, kind, size, settings.ruler)
    found.iterate(settings.iterations)
    return found


def _fast_slic(image: NDArray[Any], settings: SlicSettings, wanted: float) -> NDArray[Any]:
    from fast_slic import Slic

    found = Slic(num_components=round(wanted), compactness=settings.compactness).iterate(image)
    return absorb_fragments(np.asarray(found), FRAGMENT * found.size / wanted)


def _rgb_bytes(scene: Scene, settings: Any) -> NDArray[np.uint8]:
    """Return RGB as it is: fast-slic converts it to CIELAB itself."""
    if not scene.image.raster.rgb:
        raise DataError("fast-slic takes RGB images only: leave the method out")
    planes = np.clip(np.rint(scene.planes(scene.whole, 3) * 255), 0, 255)
    return np.ascontiguousarray(planes.astype(np.uint8))


def _checked_bytes(scene: Scene, settings: Any) -> NDArray[np.uint8]:
    """Return what OpenCV takes, or raise DataError for an image that it may not survive."""
    if min(scene.image.spatial) < SMALLEST_SIDE:
        raise DataError(
            f"OpenCV's superpixels need images of at least {SMALLEST_SIDE} pixels a side, got "
            f"{' x '.join(map(str, scene.image.spatial))}: leave its methods out"
        )
    return _bytes(scene, settings)


def _opencv(about: str, make: Callable[..., Any]) -> Peer:
    return Peer(
        f"OpenCV's {about}", partial(_from_opencv, make), _checked_bytes, OPENCV, planar=True
    )


PEERS: Mapping[str, Peer] = {
    "slic": Peer("scikit-image's SLIC", _slic, _colour),
    "felzenszwalb": Peer(
        "scikit-image's segmentation of Felzenszwalb and Huttenlocher",
        _felzenszwalb,
        _colour,
        planar=True,
    ),
    "watershed": Peer("scikit-image's compact watershed of the gradient", _watershed, _gradient),
    "higra-area": _watershed_hierarchy("area"),
    "higra-volume": _watershed_hierarchy("volume"),
    "seeds": _opencv("SEEDS", _seeds),
    "lsc": _opencv("LSC", _lsc),
    "opencv-slic": _opencv("SLIC", partial(_opencv_slic, SLIC_KINDS["opencv-slic"])),
    "slico": _opencv("SLICO", partial(_opencv_slic, SLIC_KINDS["slico"])),
    "fast-slic": Peer("fast-slic", _fast_slic, _rgb_bytes, FAST_SLIC, planar=True),
}

"""The methods that tables compare: prepared once for an image, then cut at many sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from numpy.typing import NDArray

from ..core.lattice import mean_diameter
from ..core.snic import snic
from ..errors import ParameterError
from ..options import Reading
from ..params import MODEL_KINDS, HierarchyParams, Kind, Params, SegmentParams
from ..pipeline.cuts import FINE_PER_SEGMENT
from ..pipeline.features import Scene, weighted
from ..pipeline.leaves import fine_count
from ..pipeline.model_choice import choose_model
from ..pipeline.plan import scenes
from ..pipeline.trees import scene_tree
from . import external
from .datasets import Item
from .peers import PEERS, Cut, check_installed
from .settings import Contender, contender

if TYPE_CHECKING:
    from ..learn.model import Model

__all__ = [
    "LEARNT",
    "METHODS",
    "Cut",
    "Method",
    "kind_of_model",
    "make_method",
    "reading_of",
    "scene_of",
    "suited",
]

_P = TypeVar("_P", bound=Params)
Method = Callable[[Item], Cut]

OWN: Mapping[str, str] = {
    "snic": "SNIC on colour as it is",
    "snic-smooth": "SNIC on smoothed colour: the baseline to beat",
    "snic-boundary": "as sen, but on colour alone: what the boundary term adds",
    "tree": "cuts of the merge tree on colour: napari_sen.segment without a model",
    "sen": "SNIC on smoothed colour beside the embedding: napari_sen.segment, method='snic'",
    "sen-paper": "SNIC on the embedding after the mean shift, alone (eq. 7 of the paper)",
    "sen-paper-raw": "SNIC on the embedding before the mean shift, alone",
    "sen-tree": "cuts of the merge tree on colour and embedding: napari_sen.segment",
    "sen-even": "the same with evenness=1: of sizes more even than those of sen",
}
METHODS: Mapping[str, str] = {**OWN, **{name: peer.about for name, peer in PEERS.items()}}
LEARNT = frozenset(name for name in OWN if name.startswith("sen"))


def make_method(which: str | Contender, model: Model | str | None = None) -> Method:
    """Return a method.

    Parameters
    ----------
    which : str or Contender
        One of :data:`METHODS`, with its frozen settings; or a method with settings of your own.
    model : Model or str, optional
        Model, its name or path; the ``sen`` methods need one. A bundled one brings the
        parameters that suit its kind of image, to the methods on colour alone too.

    Returns
    -------
    callable
        Takes an :class:`~napari_sen.evaluation.datasets.Item` and returns what cuts it: a
        callable that takes a number of superpixels and returns a label map. What all sizes
        share, such as the embedding or the tree, is computed when the item is taken. The
        methods of others make more or fewer pieces than asked.

    Raises
    ------
    ParameterError
        The name is unknown, the model is missing, or a package that the method needs.
    ModelError
        The model is unknown or damaged.
    """
    chosen = contender(which) if isinstance(which, str) else which
    name, settings = chosen.method, chosen.settings
    if isinstance(settings, external.ExternalSettings):
        return lambda item: external.prepare(scene_of(item), settings, chosen.label, item.name)
    if name in PEERS:
        check_installed(name)
        return lambda item: PEERS[name].prepare(scene_of(item), settings, item.name)
    loaded = None
    if name in LEARNT:
        if model is None:
            raise ParameterError(f"method {name!r} needs a model: give its name or path")
        loaded = choose_model(model, required=True)
    kind = kind_of_model(model)
    if isinstance(settings, HierarchyParams):
        return partial(_tree, settings, loaded, kind)
    assert isinstance(settings, SegmentParams)
    return partial(_snic, settings, loaded, kind, name == "sen-paper")


def kind_of_model(model: Model | str | None) -> Kind | None:
    """Return the kind of image that a bundled model is for; None for any other model."""
    name = Path(model).stem if isinstance(model, str) else getattr(model, "name", "")
    return MODEL_KINDS.get(name)


def reading_of(item: Item) -> Reading:
    """Return how an item's image is read: the annotations settle what its axes are."""
    axis = item.channel_axis
    rgb = axis == -1 and item.image.shape[-1] in (3, 4)
    volume = item.ground_truths[0].ndim == 3
    return Reading(rgb, None if rgb else axis, "volume" if volume else None)


def scene_of(item: Item, model: Model | None = None) -> Scene:
    """Return an item's image ready to be looked at."""
    return scenes(item.image, reading_of(item), model=model, device="cpu")[1][0]


def suited(params: _P, scene: Scene, kind: Kind | None) -> _P:
    """Return parameters with what suits the kind of image, told by the image if it is None."""
    return params.settled(kind or scene.image.kind)


def _snic(
    params: SegmentParams, model: Model | None, kind: Kind | None, clustered: bool, item: Item
) -> Cut:
    scene = scene_of(item, model)
    kind = kind or scene.image.kind
    plain = params.growth(kind)
    if model is not None and clustered:
        features = weighted(scene.embedding(scene.whole, clustered=True), plain.features)
    else:
        features = scene.features(scene.whole, plain.features)
    boundary = scene.half_discs(scene.whole) if plain.boundary_weight else None
    pixels, spacing = scene.image.slice_pixels, scene.image.spacing

    def cut(wanted: float) -> NDArray[Any]:
        growth = params.growth(kind, mean_diameter(pixels, round(wanted), spacing))
        return snic(
            features,
            round(wanted),
            compactness=growth.compactness,
            boundary=boundary if growth.boundary_weight else None,
            boundary_weight=growth.boundary_weight,
        )

    return cut


def _tree(params: HierarchyParams, model: Model | None, kind: Kind | None, item: Item) -> Cut:
    scene = scene_of(item, model)
    kind = kind or scene.image.kind
    settings = params.tree(kind)
    pixels = scene.image.slice_pixels
    trees: dict[int, Any] = {}

    def tree(n_fine: int) -> Any:
        if n_fine not in trees:
            trees[n_fine] = scene_tree(scene, settings, n_fine)
        return trees[n_fine]

    usual = fine_count(settings.fine_size, scene.image.spacing, pixels)
    tree(usual)

    def cut(wanted: float) -> NDArray[Any]:
        fine = min(FINE_PER_SEGMENT * round(wanted), pixels)
        labels: NDArray[Any] = tree(max(usual, fine)).cut(round(wanted))
        return labels

    return cut

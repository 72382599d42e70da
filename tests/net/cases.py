"""What the net holds: named calls of the public functions on small images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import torch
from numpy.typing import NDArray

import napari_sen
from napari_sen.data import sample_path

from . import images
from .images import cells, colour, grey, islands, movie, sample, stack, volume

Results = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Case:
    """A call: ``function(image(), **options)``.

    ``out=True`` among the options stands for a new store in the folder that the case runs in.
    """

    function: Callable[..., Results]
    image: Callable[[], Any]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_model(self) -> bool:
        """Whether the results hang on a network, and so a little on the CPU."""
        return self.function is not pseudo_labels and self.options.get("model", "auto") is not None

    def run(self, folder: Path) -> Results:
        options = dict(self.options)
        if options.get("out"):
            options["out"] = folder / "out.zarr"
        with one_thread():
            return self.function(self.image(), **options)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread: with more, sums are added up in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def segment(image: Any, **options: Any) -> Results:
    return {"labels": np.asarray(napari_sen.segment(image, **{"method": "snic"} | options))}


def embed(image: Any, **options: Any) -> Results:
    return {"embedding": np.asarray(napari_sen.embed(image, **options))}


def contours(image: Any, **options: Any) -> Results:
    return {"contours": np.asarray(napari_sen.contours(image, **options))}


def hierarchy(image: Any, **options: Any) -> Results:
    tree = napari_sen.hierarchy(image, **options)
    linkage = np.asarray(tree.linkage)
    finite = linkage[np.isfinite(linkage[:, 2]), 2]
    level = float(finite[len(finite) * 3 // 4])
    return {
        "labels": np.asarray(tree.labels),
        "merges": linkage[:, [0, 1, 3]].astype(np.int64),
        "heights": linkage[:, 2],
        "cut by number": tree.cut(max(len(linkage) // 8, 12)),
        "cut by level": tree.cut(level=level),
        "ultrametric": tree.ultrametric(),
    }


def pseudo_labels(image: Any, **options: Any) -> Results:
    maps = napari_sen.pseudo_labels(image, **options)
    return {f"spacing {s:g} compactness {m:g}": labels for (s, m), labels in maps.items()}


def plain(function: Callable[..., Results], image: Callable[[], Any], **options: Any) -> Case:
    """Return a case without a model."""
    return Case(function, image, {"model": None, **options})


def with_model(
    function: Callable[..., Results], image: Callable[[], Any], model: str = "auto", **options: Any
) -> Case:
    return Case(function, image, {"model": model, **options})


def as_type(dtype: str, scale: int | float = 1, offset: int = 0) -> Case:
    """Return a case of the grey image in another dtype."""
    return plain(
        segment, lambda: (grey() * np.float64(scale) + offset).astype(dtype), n_segments=90
    )


DTYPES = {
    "dtype bool": plain(segment, lambda: grey() > 110, n_segments=90),
    "dtype uint8": plain(segment, grey, n_segments=90),
    "dtype uint16": as_type("uint16", 250),
    "dtype int16": as_type("int16", 200, -25_000),
    "dtype float32": as_type("float32", 1 / 256),
    "dtype float64": as_type("float64", 1e6, -7),
    "dtype big-endian uint16": as_type(">u2", 250),
    "dtype big-endian float32": as_type(">f4", 1 / 256),
}

COLOURS = {
    "colour uint8": plain(segment, colour, n_segments=80),
    "colour uint16": plain(
        segment, lambda: colour().astype(np.uint16) * 257, n_segments=80, rgb=True
    ),
    "colour float": plain(segment, lambda: colour() / np.float32(255), n_segments=80, rgb=True),
    "colour with alpha": plain(segment, lambda: cells((100, 130), 4, seed=6), n_segments=80),
    "channels first": plain(
        segment, lambda: np.moveaxis(cells((110, 130), 2, seed=7), -1, 0), size=12, channel_axis=0
    ),
    "channels last": plain(segment, lambda: cells((110, 130), 4, seed=8), size=12, channel_axis=-1),
}

LAYOUTS = {
    "size": plain(segment, grey, size=9),
    "size above the fine ones": plain(segment, lambda: grey(180, 200), size=30),
    "spacing": plain(segment, grey, size=9, spacing=(1, 2)),
    "mask": plain(segment, images.holed, n_segments=70, mask=islands((128, 150))),
    "reversed view": plain(segment, lambda: grey()[::-2, ::-1], n_segments=40),
    "one row": plain(segment, lambda: grey()[:1], n_segments=12),
    "a file": plain(segment, lambda: sample_path("phase"), size=16),
    "volume": plain(segment, volume, size=9, slices="volume"),
    "volume anisotropic": plain(
        segment, volume, n_segments=40, slices="volume", spacing=(2.5, 1, 1)
    ),
    "volume mask": plain(
        segment, volume, size=9, slices="volume", mask=islands((8, 40, 48)), spacing=(2, 1, 1)
    ),
    "stack": plain(segment, stack, n_segments=40, slices="each"),
    "stack mask": plain(segment, stack, size=9, slices="each", mask=islands((3, 70, 90))),
    "movie": plain(segment, movie, size=10, slices="each", channel_axis=1),
}

PARAMETERS = {
    "corners": plain(segment, grey, n_segments=90, connectivity=2, compactness=2),
    "weights": plain(
        segment, colour, n_segments=60,
        compactness=20, smoothing=2, colour_weight=0.5, boundary_weight=900,
    ),
    "adaptive": plain(segment, grey, n_segments=40, method="tree"),
    "adaptive colour": plain(
        segment, colour, size=16, method="tree", compactness=8, evenness=0.25, smoothing=0.5
    ),
    "adaptive mask": plain(
        segment, grey, n_segments=30, method="tree", mask=islands((128, 150))
    ),
    "adaptive volume": plain(
        segment, volume, n_segments=20, method="tree", slices="volume", spacing=(2, 1, 1)
    ),
}  # fmt: skip

MODELS = {
    "natural": with_model(segment, colour, "natural", n_segments=60),
    "natural adaptive": with_model(
        segment, lambda: sample("coffee"), "natural", n_segments=40, method="tree"
    ),
    "natural mask": with_model(
        segment, colour, "natural", n_segments=50, mask=islands((120, 140))
    ),
    "microscopy": with_model(segment, grey, "microscopy", size=10),
    "microscopy weights": with_model(
        segment, grey, "microscopy", n_segments=60,
        compactness=15, embedding_weight=400, boundary_weight=100,
    ),
    "microscopy volume": with_model(
        segment, lambda: sample("embryo", 48, 56)[:6], "microscopy", n_segments=30,
        slices="volume", spacing=(2.18, 1, 1),
    ),
    "microscopy stack": with_model(segment, stack, "microscopy", n_segments=30, slices="each"),
    "microscopy channels": with_model(
        segment, lambda: cells((90, 100), 2, seed=9), "microscopy", size=12, channel_axis=-1
    ),
    "auto colour": with_model(segment, lambda: sample("coffee"), n_segments=50),
    "auto colour with a pixel size": with_model(
        segment, lambda: sample("tissue"), size=5, spacing=(0.5, 0.5)
    ),
    "auto grey": with_model(segment, lambda: sample("nuclei"), size=24),
    "auto adaptive": with_model(segment, lambda: sample("phase"), size=14, method="tree"),
}  # fmt: skip

CONTOURS = {
    "contours trees": plain(contours, grey, spacing=(0.5, 0.5)),
    "contours trees unthinned": plain(
        contours, colour, thin=False, threshold=0, fine_sizes=(7, 9), texture=10,
        evenness=0.6,
    ),
    "contours trees natural": with_model(contours, lambda: sample("coffee"), "natural"),
    "contours trees stack": with_model(contours, lambda: stack(2), threshold=0.0),
    "contours sizes": plain(
        contours, colour, method="sizes", n_sizes=4, smallest=9, largest=150, compactness=8
    ),
    "contours sizes microscopy": with_model(
        contours, grey, "microscopy", method="sizes", n_sizes=4, smallest=9, largest=150
    ),
}  # fmt: skip

TREES = {
    "hierarchy": plain(hierarchy, grey),
    "hierarchy mask": plain(hierarchy, grey, mask=islands((128, 150)), fine_size=8),
    "hierarchy weights": plain(
        hierarchy, colour, n_fine=150, fine_compactness=6, evenness=0.9, boundary_weight=4,
        texture=12, boundary_smoothing=1, smoothing=0.7,
    ),
    "hierarchy volume": plain(
        hierarchy, volume, fine_size=5, slices="volume", spacing=(2, 1, 1)
    ),
    "hierarchy natural": with_model(hierarchy, colour, "natural"),
    "hierarchy auto": with_model(hierarchy, lambda: sample("nuclei"), fine_size=8),
}  # fmt: skip

EMBEDDINGS = {
    "embedding": with_model(embed, colour),
    "embedding clustered": with_model(embed, colour, clustered=True),
    "embedding mask": with_model(embed, grey, mask=islands((128, 150))),
    "embedding volume": with_model(embed, lambda: volume()[:4], slices="volume", clustered=True),
    "embedding movie": with_model(embed, movie, slices="each", channel_axis=1),
}

PSEUDO_LABELS = {
    "pseudo-labels": Case(
        pseudo_labels, colour, {"spacings": (8, 19), "compactnesses": (5, 20), "smoothing": 1.5}
    ),
    "pseudo-labels stack": Case(
        pseudo_labels, stack, {"spacings": (13,), "compactnesses": (10,), "slices": "each"}
    ),
}

TILES = {
    "tiles": plain(segment, grey, size=6, tile=64),
    "tiles colour": plain(segment, colour, n_segments=300, tile=(64, 96), out=True),
    "tiles lazy": plain(
        segment, lambda: da.from_array(grey().astype(np.uint16), chunks=50), size=6, tile=64
    ),
    "tiles mask": plain(segment, images.holed, size=6, mask=islands((128, 150)), tile=64),
    "tiles spacing": plain(segment, grey, size=8, spacing=(1, 2), tile=64, connectivity=2),
    "tiles stack": plain(segment, stack, n_segments=60, slices="each", tile=64),
    "tiles channels": plain(
        segment, movie, size=8, slices="each", channel_axis=1, tile=64, out=True
    ),
    "tiles volume": plain(segment, volume, size=7, slices="volume", tile=(4, 32, 32)),
    "tiles adaptive": plain(segment, grey, n_segments=50, method="tree", tile=64),
    "tiles adaptive mask": plain(
        segment, colour, n_segments=40, method="tree", mask=islands((120, 140)), tile=64
    ),
    "tiles natural": with_model(segment, lambda: sample("coffee"), n_segments=200, tile=96),
    "tiles microscopy stack": with_model(segment, stack, size=8, slices="each", tile=64),
    "tiles adaptive natural": with_model(
        segment, lambda: sample("coffee"), n_segments=40, method="tree", tile=96
    ),
    "tiles contours": plain(contours, grey, fine_sizes=(7, 9), tile=64, out=True),
    "tiles contours natural": with_model(
        contours, lambda: sample("coffee"), fine_sizes=(8, 11), tile=96
    ),
    "tiles embedding": with_model(embed, colour, tile=64, out=True),
    "tiles embedding clustered": with_model(embed, colour, clustered=True, tile=96),
}

CASES: dict[str, Case] = {
    **DTYPES, **COLOURS, **LAYOUTS, **PARAMETERS, **MODELS,
    **CONTOURS, **TREES, **EMBEDDINGS, **PSEUDO_LABELS, **TILES,
}  # fmt: skip

"""How a result on disk is opened."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.hierarchy import Hierarchy as MergeTree

__all__ = ["LINKAGE", "StoredTree", "open_result", "open_tree"]

LINKAGE = "linkage"  # array beside the levels of a hierarchy's leaves


def open_result(path: str | PathLike[str]) -> list[Any]:
    """Return the levels of a growing or finished result as dask arrays.

    Parameters
    ----------
    path : path
        The store: :attr:`napari_sen.pipeline.run.Run.path`, or a finished OME-Zarr.

    Returns
    -------
    list of dask arrays
        Finest first; channels, where there are any, come last.
    """
    import dask.array as da
    import zarr

    group = zarr.open_group(str(path), mode="r")
    about: Any = group.attrs["ome"]["multiscales"][0]  # type: ignore[index,call-overload]
    axes = [axis["name"] for axis in about["axes"]]
    levels = []
    for entry in about["datasets"]:
        array: Any = group[entry["path"]]
        # A name of its own: another store may take this place, and chunks are cached by name.
        level = da.from_zarr(array, chunks=array.shards or array.chunks, name=False)
        levels.append(da.moveaxis(level, axes.index("c"), -1) if "c" in axes else level)
    return levels


@dataclass(frozen=True)
class StoredTree:
    """A superpixel hierarchy whose leaves lie on disk; its cuts are lazy.

    :func:`napari_sen.hierarchy` returns it for images in tiles.

    Attributes
    ----------
    labels : dask array of int
        The finest superpixels, 1...n; 0 outside.
    linkage : (n - 1, 4) float64 array
        As in :class:`napari_sen.Hierarchy`.
    """

    labels: Any
    linkage: NDArray[np.float64]

    @property
    def tree(self) -> MergeTree:
        """The tree alone, as a hierarchy over one pixel for each leaf."""
        return MergeTree(np.arange(1, len(self.linkage) + 2, dtype=np.int32)[None], self.linkage)

    @property
    def n_leaves(self) -> int:
        """The number n of finest superpixels."""
        return len(self.linkage) + 1

    @property
    def n_parts(self) -> int:
        """The number of parts that do not touch: no cut can have fewer superpixels."""
        return self.tree.n_parts

    @property
    def levels(self) -> NDArray[np.float64]:
        """The heights of the n - 1 merges, which never fall."""
        return self.linkage[:, 2]

    def cut(self, n_segments: int | None = None, *, level: float | None = None) -> Any:
        """Return the superpixels of one granularity as a dask array of int32.

        The arguments are those of :meth:`napari_sen.Hierarchy.cut`.
        """
        table = np.concatenate([[0], self.tree.cut(n_segments, level=level)[0]]).astype(np.int32)
        return self.labels.map_blocks(_looked_up, table, dtype=np.int32)


def _looked_up(block: NDArray[Any], table: NDArray[np.int32]) -> NDArray[np.int32]:
    found: NDArray[np.int32] = table[block]
    return found


def open_tree(path: str | PathLike[str]) -> StoredTree:
    """Return the hierarchy that lies in a store."""
    import zarr

    linkage: Any = zarr.open_group(str(path), mode="r")[LINKAGE]
    return StoredTree(open_result(path)[0], np.asarray(linkage[...]))

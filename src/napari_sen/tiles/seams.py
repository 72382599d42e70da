"""After the tiles: pieces that the crop cut off their superpixel join a neighbour.

A tile grows its superpixels with a halo and keeps its core; where two tiles disagree, a piece of
a superpixel may lie on one side without its way to the seed on the other. Such pieces are found
tile by tile, and joined to the neighbour with which they share the longest border (the smaller
label where equal). Each label belongs to the tile that holds its seed, which looks as far as any
superpixel reaches from its seed; so every label is judged once, with all its pixels in view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure

from .geometry import Box, as_slices, shift

__all__ = ["Fragments", "find_fragments", "joined", "merge_fragments"]


@dataclass(frozen=True)
class Fragments:
    """Pieces without a way to their seed, and what they touch.

    Attributes
    ----------
    pixels : (P,) int64 array
        Flat places in the whole image.
    piece : (P,) int64 array
        Which piece each belongs to: 0, 1, ...
    touched : (T, 3) int64 array
        For each face between a piece and a pixel outside it: the piece, the flat place of that
        pixel, and its label.
    """

    pixels: NDArray[np.int64]
    piece: NDArray[np.int64]
    touched: NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.piece.max(initial=-1)) + 1

    def arrays(self) -> dict[str, NDArray[np.int64]]:
        """Return the arrays by name."""
        return {"pixels": self.pixels, "piece": self.piece, "touched": self.touched}


def find_fragments(
    labels: NDArray[Any],
    window: Box,
    core: Box,
    seeds: NDArray[np.int64],
    numbers: NDArray[np.int64],
    *,
    shape: Sequence[int],
    origin: int = 0,
    inside: NDArray[np.bool_] | None = None,
    connectivity: int = 1,
) -> Fragments:
    """Return the pieces of a tile's own labels that do not hang together with their seed.

    Parameters
    ----------
    labels : (*spatial) array of int
        The label map in a window that holds every pixel of the tile's own labels and one more on
        each side, as far as there is image.
    window, core : Box
        Where the window lies, and the tile's core within it.
    seeds : (K, ndim) int64 array
        The seeds in the core.
    numbers : (K,) int64 array
        Their labels, rising.
    shape : sequence of int
        Shape of the slice or volume.
    origin : int
        Flat place of the slice's first pixel in the whole image.
    inside : (*spatial) bool array, optional
        The mask in the window. Pixels of the core that are inside but got no label are pieces.
    connectivity : {1, 2}
        As in :func:`napari_sen.core.snic.snic`.
    """
    rank = 1 if connectivity == 1 else labels.ndim
    # The tile's own labels as 1...K, all others 0.
    place = np.minimum(np.searchsorted(numbers, labels), max(len(numbers) - 1, 0))
    own = np.zeros(labels.shape, np.int64)
    if len(numbers):
        own = np.where(numbers[place] == labels, place + 1, 0)
    pieces = measure.label(own, background=0, connectivity=rank)
    corner = [start for start, _ in window]
    with_seed = np.zeros(int(pieces.max(initial=0)) + 1, bool)
    with_seed[pieces[tuple((seeds - corner).T)]] = True
    loose = np.where((pieces > 0) & ~with_seed[pieces], pieces, 0)
    if inside is not None:
        empty = np.zeros(labels.shape, bool)
        here = as_slices(shift(core, window))
        empty[here] = inside[here] & (labels[here] == 0)
        structure = ndimage.generate_binary_structure(labels.ndim, rank)
        unlabelled, _ = ndimage.label(empty, structure)
        loose = np.where(empty, unlabelled + pieces.max(initial=0), loose)
    if not loose.any():
        none = np.empty(0, np.int64)
        return Fragments(none, none, np.empty((0, 3), np.int64))
    return _described(loose, labels, corner, shape, origin, rank)


def _described(
    loose: NDArray[np.int64],
    labels: NDArray[Any],
    corner: Sequence[int],
    shape: Sequence[int],
    origin: int,
    rank: int,
) -> Fragments:
    """Return the pieces (numbered above 0 in ``loose``) with what they touch."""
    places = np.argwhere(loose)
    _, piece = np.unique(loose[tuple(places.T)], return_inverse=True)
    flat = origin + np.ravel_multi_index(tuple((places + corner).T), tuple(shape))
    touched = []
    structure = ndimage.generate_binary_structure(labels.ndim, rank)
    for offset in np.argwhere(structure) - 1:
        if not offset.any():
            continue
        there = places + offset
        seen = ((there >= 0) & (there < labels.shape)).all(axis=1)
        at = tuple(there[seen].T)
        other = loose[at] != loose[tuple(places[seen].T)]
        where = there[seen][other]
        touched.append(
            np.column_stack(
                [
                    piece[seen][other],
                    origin + np.ravel_multi_index(tuple((where + corner).T), tuple(shape)),
                    labels[tuple(where.T)],
                ]
            )
        )
    return Fragments(flat, piece.astype(np.int64), np.concatenate(touched).astype(np.int64))


def merge_fragments(parts: Sequence[Fragments]) -> Fragments:
    """Return the pieces of several tiles as one record."""
    pixels, piece, touched = [], [], []
    count = 0
    for part in parts:
        pixels.append(part.pixels)
        piece.append(part.piece + count)
        touched.append(part.touched + np.array([count, 0, 0]))
        count += len(part)
    return Fragments(
        np.concatenate([np.empty(0, np.int64), *pixels]),
        np.concatenate([np.empty(0, np.int64), *piece]),
        np.concatenate([np.empty((0, 3), np.int64), *touched]),
    )


def joined(found: Fragments) -> NDArray[np.int64]:
    """Return the label that every pixel of the pieces joins, (P,).

    A piece joins the label with which it shares the most faces, the smaller one where equal.
    Pieces count as neighbours once they have joined a label themselves; all pieces of one round
    decide before any of them joins, so the order of tiles does not matter.

    Returns
    -------
    (P,) int64 array
        0 for pieces that touch no label at all.
    """
    label = np.zeros(len(found), np.int64)
    order = np.argsort(found.pixels)
    place = np.searchsorted(found.pixels[order], found.touched[:, 1])
    place = order[np.minimum(place, len(order) - 1)] if len(order) else place
    is_loose = (
        found.pixels[place] == found.touched[:, 1]
        if len(order)
        else np.zeros(len(found.touched), bool)
    )
    neighbour = np.where(is_loose, found.piece[place] if len(order) else 0, -1)
    owner, outer = found.touched[:, 0], found.touched[:, 2]
    while True:
        seen = np.where(neighbour >= 0, label[neighbour], outer)
        useful = (label[owner] == 0) & (seen != 0)
        if not useful.any():
            return label[found.piece]
        pairs, counts = np.unique(
            np.column_stack([owner[useful], seen[useful]]), axis=0, return_counts=True
        )
        # By piece, then most faces, then smaller label; the first of each piece wins.
        ranked = pairs[np.lexsort((pairs[:, 1], -counts, pairs[:, 0]))]
        pieces, first = np.unique(ranked[:, 0], return_index=True)
        label[pieces] = ranked[first, 1]

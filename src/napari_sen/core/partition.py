"""Pieces of an image that a person merges, splits back and puts into classes, with undo."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.csgraph import connected_components

from ..errors import ImageError, ParameterError
from . import _kernel
from .graph import as_volume, checked_labels, renumbered
from .hierarchy import Hierarchy

__all__ = ["UNDO_STEPS", "Partition"]

# So many steps back; each keeps only what it changed.
UNDO_STEPS = 500


@dataclass(frozen=True)
class _Step:
    """What one step changed: those leaves, and their node and class before and after."""

    leaves: NDArray[np.intp]
    before: tuple[NDArray[np.int64], NDArray[np.uint8]]
    after: tuple[NDArray[np.int64], NDArray[np.uint8]]


class Partition:
    """The pieces of an image, each made of leaves that are never cut.

    Merging makes a new node above the merged ones, and splitting goes back to a node's children;
    nodes are never removed, so the node and the class of every leaf are the whole state, and a
    step is undone by putting back what it changed. Pieces are named by their labels.

    Parameters
    ----------
    labels : (Y, X) or (Z, Y, X) int array
        The pieces: 0 is outside; gaps are allowed, and a label need not be in one piece.
    tree : Hierarchy, optional
        Of the same image, whose cut ``labels`` are: pieces can then be split down to its finest
        superpixels.
    classes : (n,) array of int, optional
        The class of every leaf, as :meth:`class_table` has it without its first entry.

    Raises
    ------
    ImageError
        If the labels hold no piece, or are no cut of the tree.
    """

    def __init__(
        self,
        labels: Any,
        tree: Hierarchy | None = None,
        classes: NDArray[np.integer[Any]] | None = None,
    ) -> None:
        array, _ = checked_labels(labels)
        self._children: dict[int, tuple[int, ...]] = {}
        self._done: list[_Step] = []
        self._undone: list[_Step] = []
        if tree is None:
            names, base = renumbered(array)
            self.base: NDArray[np.int32] = base
            self._node = np.arange(len(names) - 1, dtype=np.int64)
            self._label: list[int] = names[1:].tolist()
        else:
            self._from_tree(array, tree)
        self._next = max(self._label) + 1
        self._class = np.zeros(len(self._node), np.uint8)
        if classes is not None:
            if classes.shape != self._class.shape:
                raise ImageError("these classes belong to another label image")
            self._class[:] = classes
        # By the node of a piece that was merged by hand, its leaves; and those of pieces that were
        # merged by hand on another cut, which this one cannot show.
        self._by_hand: dict[int, NDArray[np.intp]] = {}
        self._waiting: list[NDArray[np.intp]] = []
        self._objects: set[int] = set()  # nodes that were made by joining a class
        self._boxes: list[tuple[slice, ...]] = ndimage.find_objects(self.base)
        self._tree = tree
        self._edges: NDArray[np.int32] | None = None

    def _from_tree(self, array: NDArray[np.int32], tree: Hierarchy) -> None:
        self.base = tree.labels
        n, pieces = tree.n_leaves, int(array.max())
        if array.shape != tree.labels.shape or not tree.n_parts <= pieces <= n:
            raise ImageError("these labels are not a cut of the tree: take them from tree.cut(...)")
        merges = n - pieces
        node = np.arange(n)
        for k, (a, b) in enumerate(tree.linkage[:merges, :2].astype(np.int64).tolist()):
            self._children[n + k] = (a, b)
        # From the last merge down, every node learns the piece that it belongs to.
        top = np.arange(n + merges)
        for parent in range(n + merges - 1, n - 1, -1):
            for child in self._children[parent]:
                top[child] = top[parent]
        self._node = top[node].astype(np.int64)
        one_of = np.zeros(n + 1, np.int64)
        one_of[self.base.ravel()] = array.ravel()
        self._label = [0] * (n + merges)
        for leaf, name in enumerate(one_of[1:].tolist()):
            self._label[int(self._node[leaf])] = name
        if not np.array_equal(self.table()[self.base], array):
            raise ImageError("these labels are not a cut of the tree: take them from tree.cut(...)")

    @property
    def n_leaves(self) -> int:
        """Number of leaves."""
        return len(self._node)

    @property
    def pieces(self) -> NDArray[np.int64]:
        """Labels of the pieces, rising."""
        return np.sort(np.asarray(self._label)[np.unique(self._node)])

    def table(self) -> NDArray[np.int64]:
        """Return the label of every leaf's piece, (n + 1,), 0 first: ``table[base]`` shows it."""
        return np.concatenate([[0], np.asarray(self._label)[self._node]])

    def class_table(self) -> NDArray[np.uint8]:
        """Return the class of every leaf, (n + 1,), 0 first; 0 is none."""
        return np.concatenate([np.zeros(1, np.uint8), self._class])

    def classes(self) -> dict[int, int]:
        """Return the class of every piece that has one: label -> class.

        That of its painted leaves; none if they are of several.
        """
        painted = self._class > 0
        pairs = np.unique(np.stack([self.table()[1:][painted], self._class[painted]]), axis=1)
        names, first, count = np.unique(pairs[0], return_index=True, return_counts=True)
        value, kept = pairs[1][first], count == 1
        return dict(zip(names[kept].tolist(), value[kept].tolist(), strict=True))

    def label_at(self, index: Sequence[int]) -> int:
        """Return the label of the piece at a pixel; 0 outside pieces and image."""
        inside = all(0 <= i < length for i, length in zip(index, self.base.shape, strict=True))
        return int(self.table()[self.base[tuple(index)]]) if inside else 0

    def leaves_of(self, labels: Iterable[int]) -> NDArray[np.intp]:
        """Return the leaves (0...n - 1) of pieces."""
        return np.flatnonzero(np.isin(self.table()[1:], list(labels)))

    def box(self, leaves: NDArray[np.integer]) -> tuple[slice, ...]:
        """Return the smallest box of pixels around leaves (at least one)."""
        boxes = [self._boxes[leaf] for leaf in leaves.tolist()]
        return tuple(
            slice(min(box[axis].start for box in boxes), max(box[axis].stop for box in boxes))
            for axis in range(self.base.ndim)
        )

    def merge(self, labels: Iterable[int]) -> NDArray[np.intp]:
        """Merge those pieces that touch each other; return the leaves that changed.

        Every group of touching pieces becomes one, under its smallest label.

        Raises
        ------
        ParameterError
            If no two of them touch.
        """
        merged = self._joined(np.unique(self._node[self.leaves_of(labels)]))
        if not merged:
            raise ParameterError(
                "nothing to merge: select two or more superpixels that touch each other"
            )
        self._by_hand |= merged
        node = self._node.copy()
        for parent, leaves in merged.items():
            node[leaves] = parent
        return self._do(np.concatenate(list(merged.values())), node, self._class)

    def _joined(self, nodes: NDArray[np.int64]) -> dict[int, NDArray[np.intp]]:
        """Make a node above those of ``nodes`` that touch; return the leaves of each new one."""
        group = self._touching(nodes)
        found = {}
        for number in np.flatnonzero(np.bincount(group) > 1):
            children = tuple(nodes[group == number].tolist())
            parent = len(self._label)
            self._label.append(min(self._label[child] for child in children))
            self._children[parent] = children
            found[parent] = np.flatnonzero(np.isin(self._node, children))
        return found

    def join(
        self, classes: NDArray[np.integer[Any]] | None = None, *, n_spatial: int | None = None
    ) -> NDArray[np.intp]:
        """Merge all touching pieces of one class, as one step; return the leaves that changed.

        Splitting such an object undoes its last merge: where there is a tree, at the border that
        it gives up last.

        Parameters
        ----------
        classes : (n + 1,) array of int, optional
            The class of every leaf, that of none first; by default the painted one. A piece whose
            leaves are of several classes stays as it is.
        n_spatial : int, optional
            2: the slices of a stack do not touch.

        Raises
        ------
        ParameterError
            If no two pieces of a class touch.
        """
        table = self._class if classes is None else np.asarray(classes)[1:]
        low, high = np.full(len(self._label), 256), np.zeros(len(self._label), np.int64)
        np.minimum.at(low, self._node, table)
        np.maximum.at(high, self._node, table)
        of_node = np.where(low == high, high, 0)
        edges = self._borders(flat=n_spatial == 2)
        ends = self._node[edges]
        same = (ends[:, 0] != ends[:, 1]) & (of_node[ends[:, 0]] == of_node[ends[:, 1]])
        same &= of_node[ends[:, 0]] > 0
        edges, ends = edges[same], ends[same]
        if len(ends) == 0:
            raise ParameterError("nothing to join: no two superpixels of one class touch")
        heights = np.zeros(len(ends), np.float32)
        if self._tree is not None:
            heights = self._tree.heights_between(edges + 1)
        order = np.lexsort((ends[:, 1], ends[:, 0], heights))
        top = self._merged_in_order(ends[order].tolist())
        node = np.array([top.get(each, each) for each in self._node.tolist()])
        self._objects |= set(top.values())
        return self._do(np.flatnonzero(node != self._node), node, self._class)

    @property
    def has_objects(self) -> bool:
        """Whether there are pieces that were joined by their class, which no other cut has."""
        return not self._objects.isdisjoint(self._node.tolist())

    def _merged_in_order(self, pairs: list[list[int]]) -> dict[int, int]:
        """Merge pairs of nodes, those above them if they are merged already; return the tops."""
        above: dict[int, int] = {}

        def top(node: int) -> int:
            way = []
            while node in above:
                way.append(node)
                node = above[node]
            for each in way:
                above[each] = node
            return node

        for a, b in pairs:
            children = (top(a), top(b))
            if children[0] != children[1]:
                parent = len(self._label)
                self._label.append(min(self._label[child] for child in children))
                self._children[parent] = children
                above[children[0]] = above[children[1]] = parent
        return {node: top(node) for pair in pairs for node in pair}

    def split(self, labels: Iterable[int]) -> NDArray[np.intp]:
        """Split pieces into what they were merged from; return the leaves that changed.

        Raises
        ------
        ParameterError
            If none of them was merged from others.
        """
        there = np.unique(self._node).tolist()
        chosen = np.unique(self._node[self.leaves_of(labels)]).tolist()
        nodes = [node for node in chosen if node in self._children]
        taken = {self._label[node] for node in set(there).difference(nodes)}
        node = self._node.copy()
        changed = []
        for parent in nodes:
            leaves = np.flatnonzero(self._node == parent)
            below = self._descend(self._children[parent])
            node[leaves] = below[leaves]
            self._name_children(parent, taken)
            changed.append(leaves)
        if not changed:
            raise ParameterError(
                "nothing to split: none of the selected superpixels was merged from others"
            )
        return self._do(np.concatenate(changed), node, self._class)

    def _descend(self, children: tuple[int, ...]) -> NDArray[np.int64]:
        """Return, for the leaves below ``children``, which of these they belong to."""
        below = np.full(self.n_leaves, -1, np.int64)
        for child in children:
            todo = [child]
            while todo:
                node = todo.pop()
                if node < self.n_leaves:
                    below[node] = child
                else:
                    todo.extend(self._children[node])
        return below

    def _name_children(self, parent: int, taken: set[int]) -> None:
        """Give children that have no label yet one: the first the parent's, the others new.

        So get those whose label another piece has by now, as pieces from a file may; ``taken`` are
        the labels of all other pieces, to which these are added.
        """
        nameless = [child for child in self._children[parent] if self._label[child] == 0]
        for number, child in enumerate(nameless):
            self._label[child] = self._new_label() if number else self._label[parent]
        for child in self._children[parent]:
            if self._label[child] in taken:
                self._label[child] = self._new_label()
            taken.add(self._label[child])

    def _new_label(self) -> int:
        self._next += 1
        return self._next - 1

    def paint(self, labels: Iterable[int], value: int) -> NDArray[np.intp]:
        """Put pieces into class ``value`` (1...255; 0 takes them out); return changed leaves."""
        if not 0 <= value <= 255:
            raise ParameterError(f"a class is a number from 0 to 255, got {value}")
        leaves = self.leaves_of(labels)
        classes = self._class.copy()
        classes[leaves] = value
        return self._do(leaves, self._node, classes)

    def take_over(self, other: Partition) -> None:
        """Take over what was done to other pieces of the same leaves; it is no step to undo.

        Leaves keep their classes. What was merged by hand stays in one piece: of the pieces of
        this cut, those that lie in it for the most part. Where that is a single one, another cut
        may show it again.

        Raises
        ------
        ImageError
            If they are of other leaves.
        """
        if not np.array_equal(other.base, self.base):
            raise ImageError("these pieces belong to another label image")
        self._class[:] = other._class
        self._edges = other._edges
        self._merge_again(other.by_hand())

    def by_hand(self) -> list[NDArray[np.intp]]:
        """Return the leaves of each piece that was merged by hand, on this cut or on another."""
        there = set(np.unique(self._node).tolist())
        return self._waiting + [leaves for node, leaves in self._by_hand.items() if node in there]

    def put_back(
        self, merged: Sequence[NDArray[np.intp]], classes: NDArray[np.integer]
    ) -> NDArray[np.intp]:
        """Merge leaves again, as :meth:`by_hand` has them, and paint; return changed leaves.

        Raises
        ------
        ImageError
            If they are not of this many leaves, or a class is out of range.
        """
        if classes.shape != (self.n_leaves,) or classes.min() < 0 or classes.max() > 255:
            raise ImageError("these pieces belong to another label image")
        before = self._node.copy()
        self._merge_again(merged)
        after, self._node = self._node, before
        return self._do(np.arange(self.n_leaves), after, classes.astype(np.uint8))

    def _merge_again(self, merged: Sequence[NDArray[np.intp]]) -> None:
        sizes = np.bincount(self.base.ravel(), minlength=self.n_leaves + 1)[1:]
        for leaves in merged:
            found = self._joined(self._mostly_in(leaves, sizes))
            for parent, below in found.items():
                self._node[below] = parent
            if found:
                self._by_hand[next(iter(found))] = leaves
            else:
                self._waiting.append(leaves)

    def _mostly_in(
        self, leaves: NDArray[np.intp], sizes: NDArray[np.integer[Any]]
    ) -> NDArray[np.int64]:
        """Return the pieces' nodes of which more than half of the pixels lie in some leaves."""
        inside = np.bincount(self._node[leaves], sizes[leaves], len(self._label))
        whole = np.bincount(self._node, sizes, len(self._label))
        return np.flatnonzero(2 * inside > whole)

    def paint_like(self, other: Partition) -> None:
        """Take over the classes of other pieces of the same image: most of each one's pixels say.

        Raises
        ------
        ImageError
            If they are of another shape.
        """
        if other.base.shape != self.base.shape:
            raise ImageError("these classes belong to another label image")
        painted = other.class_table()[other.base]
        votes = np.zeros((self.n_leaves + 1, int(painted.max(initial=0)) + 1), np.int64)
        np.add.at(votes, (self.base.ravel(), painted.ravel()), 1)
        self._class[:] = votes[1:].argmax(axis=1)

    def restore(
        self, labels: NDArray[np.integer], classes: NDArray[np.integer]
    ) -> NDArray[np.intp]:
        """Take over the piece and class of every leaf (as in a file); return changed leaves.

        Raises
        ------
        ImageError
            If they are not of this many leaves, or a label or class is out of range.
        """
        same = labels.shape == classes.shape == (self.n_leaves,)
        if not same or labels.min() < 1 or classes.min() < 0 or classes.max() > 255:
            raise ImageError("these pieces belong to another label image")
        self._next = max(self._next, int(labels.max()) + 1)
        node = self._node.copy()
        now = self.table()[1:]
        differ = now != labels
        # Pieces that are the same under the same label keep what they were merged from.
        for name in np.unique([labels[differ], now[differ]]).tolist():
            leaves = np.flatnonzero(labels == name)
            if len(leaves) == 0:
                continue
            parent = len(self._label)
            self._label.append(name)
            self._children[parent] = tuple(leaves.tolist())
            for leaf in leaves.tolist():
                self._label[leaf] = self._label[leaf] or self._new_label()
            node[leaves] = parent
        return self._do(np.arange(self.n_leaves), node, classes.astype(np.uint8))

    def _touching(self, nodes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the group of each of ``nodes``: those that touch, directly or by others."""
        ends = self._node[self._borders()]
        inside = np.isin(ends, nodes).all(axis=1)
        pairs = np.searchsorted(nodes, ends[inside])
        graph = sparse.coo_array((np.ones(len(pairs)), pairs.T), shape=(len(nodes),) * 2)
        group: NDArray[np.int64] = connected_components(graph, directed=False)[1]
        return group

    def _borders(self, *, flat: bool = False) -> NDArray[np.int32]:
        """Return the pairs of leaves that touch; ``flat``: within a slice of a stack."""
        if self._edges is None or flat:
            volume = as_volume(self.base, self.base.ndim)
            edges, faces, _ = _kernel.region_graph(volume, self.n_leaves, None)
            if flat:
                return edges[faces[:, 1:].any(axis=1)]
            self._edges = edges
        return self._edges

    def _do(
        self, leaves: NDArray[np.intp], node: NDArray[np.int64], classes: NDArray[np.uint8]
    ) -> NDArray[np.intp]:
        """Change the state and remember how it was; return the leaves that really changed."""
        differ = (self._node[leaves] != node[leaves]) | (self._class[leaves] != classes[leaves])
        leaves = leaves[differ]
        if len(leaves):
            before = self._node[leaves], self._class[leaves]
            self._done.append(_Step(leaves, before, (node[leaves], classes[leaves])))
            del self._done[:-UNDO_STEPS]
            self._undone.clear()
            self._node, self._class = node.copy(), classes.copy()
        return leaves

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone step."""
        return bool(self._undone)

    def undo(self) -> NDArray[np.intp]:
        """Take back the last step; return the leaves that changed, none if there is no step."""
        if not self._done:
            return np.empty(0, np.intp)
        step = self._done.pop()
        self._undone.append(step)
        self._node[step.leaves], self._class[step.leaves] = step.before
        return step.leaves

    def redo(self) -> NDArray[np.intp]:
        """Do the last undone step again; return the leaves that changed."""
        if not self._undone:
            return np.empty(0, np.intp)
        step = self._undone.pop()
        self._done.append(step)
        self._node[step.leaves], self._class[step.leaves] = step.after
        return step.leaves

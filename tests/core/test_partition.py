"""Pieces: merge, split, paint, undo, against what is written down by hand, and as properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sen.core.hierarchy import build
from napari_sen.core.partition import Partition
from napari_sen.core.snic import snic
from napari_sen.errors import ImageError, ParameterError
from tests.merging import NATURAL

ROW = np.array([[3, 3, 5, 5, 8, 8, 0, 9]])


def shown(partition):
    return partition.table()[partition.base]


@pytest.fixture
def tree(rng):
    features = rng.random((24, 30, 2), np.float32)
    return build(snic(features, 40), features, merging=NATURAL)


def test_merge_joins_what_touches_under_the_smallest_label():
    partition = Partition(ROW)
    assert partition.pieces.tolist() == [3, 5, 8, 9]
    changed = partition.merge([8, 5, 9])
    assert shown(partition).tolist() == [[3, 3, 5, 5, 5, 5, 0, 9]]
    assert partition.box(changed) == (slice(0, 1), slice(2, 6))


def test_merge_of_two_groups_at_once():
    partition = Partition(np.array([[1, 2, 3, 4, 5]]))
    partition.merge([1, 2, 4, 5])
    assert shown(partition).tolist() == [[1, 1, 3, 4, 4]]


def test_nothing_to_merge_or_split_says_what_to_do():
    partition = Partition(ROW)
    with pytest.raises(ParameterError, match="touch each other"):
        partition.merge([3, 8])
    with pytest.raises(ParameterError, match="merged from others"):
        partition.split([3, 8])
    assert not partition.can_undo


def test_split_goes_back_merge_by_merge():
    partition = Partition(ROW)
    partition.merge([5, 8])
    partition.merge([3, 5])
    assert shown(partition).tolist() == [[3, 3, 3, 3, 3, 3, 0, 9]]
    partition.split([3])
    assert shown(partition).tolist() == [[3, 3, 5, 5, 5, 5, 0, 9]]
    partition.split([3, 5])
    np.testing.assert_array_equal(shown(partition), ROW)


def test_a_cut_of_a_tree_splits_as_the_tree_does(tree):
    partition = Partition(tree.cut(1), tree)
    assert partition.pieces.tolist() == [1]
    for _ in range(3):
        partition.split(partition.pieces)
    two_levels = shown(partition)
    for piece in np.unique(two_levels):
        assert len(np.unique(tree.cut(2)[two_levels == piece])) == 1
    while True:
        try:
            partition.split(partition.pieces)
        except ParameterError:
            break
    assert len(partition.pieces) == tree.n_leaves
    assert len(np.unique(shown(partition) * 1000 + tree.labels)) == tree.n_leaves


def test_labels_of_another_tree_are_refused(tree):
    other = tree.cut(5).copy()
    other[0, 0] = other.max()
    with pytest.raises(ImageError, match="not a cut of the tree"):
        Partition(other, tree)
    with pytest.raises(ImageError, match="not a cut of the tree"):
        Partition(np.ones((3, 3), int), tree)


def test_painting_is_kept_by_merges_and_taken_back():
    partition = Partition(ROW)
    partition.paint([3], 1)
    partition.paint([5], 2)
    assert partition.classes() == {3: 1, 5: 2}
    partition.merge([3, 5])
    assert partition.classes() == {}  # its parts disagree
    partition.paint([3], 7)
    assert partition.class_table()[partition.base].tolist() == [[7, 7, 7, 7, 0, 0, 0, 0]]
    partition.undo()
    partition.undo()
    assert partition.classes() == {3: 1, 5: 2}
    partition.paint([3, 5], 0)
    assert partition.classes() == {}
    with pytest.raises(ParameterError, match="0 to 255"):
        partition.paint([3], 256)


def test_pieces_and_classes_can_be_put_back(tree):
    partition = Partition(tree.cut(12), tree)
    partition.merge(partition.pieces[:6])
    partition.paint(partition.pieces[:1], 3)
    labels, classes = partition.table()[1:], partition.class_table()[1:]
    other = Partition(tree.cut(12), tree)
    other.restore(labels, classes)
    np.testing.assert_array_equal(shown(other), shown(partition))
    assert other.classes() == partition.classes()
    other.split(other.pieces)
    assert len(other.pieces) == len(np.unique(shown(other)))
    with pytest.raises(ImageError, match="another label image"):
        other.restore(labels[:-1], classes[:-1])


@pytest.mark.parametrize(("saved", "shown"), [(12, 30), (20, 40)])
def test_what_is_put_back_on_another_cut_splits_into_pieces_of_their_own(tree, saved, shown):
    before, partition = Partition(tree.cut(saved), tree), Partition(tree.cut(shown), tree)
    partition.restore(before.table()[1:], before.class_table()[1:])
    for label in partition.pieces.tolist():
        try:
            partition.split([label])
        except ParameterError:  # a single leaf
            continue
        assert len(np.unique(partition.pieces)) == len(partition.pieces)
    assert len(partition.pieces) == partition.n_leaves


def test_label_at_is_0_outside():
    partition = Partition(ROW)
    assert [partition.label_at((0, x)) for x in (-1, 0, 6, 7, 8)] == [0, 3, 0, 9, 0]


@given(st.lists(st.tuples(st.sampled_from("mspur"), st.integers(0, 2**16 - 1)), max_size=25))
def test_undo_and_redo_go_through_every_state(steps):
    """Whatever is done, going back and forth shows the same states, and labels stay unique."""
    features = np.random.default_rng(1).random((12, 14, 1), np.float32)
    tree = build(snic(features, 16), features, merging=NATURAL)
    partition = Partition(tree.cut(8), tree)
    states = [state(partition)]
    for kind, bits in steps:
        pieces = partition.pieces
        chosen = [name for k, name in enumerate(pieces.tolist()) if bits >> (k % 16) & 1]
        try:
            changed = {
                "m": lambda c=chosen: partition.merge(c),
                "s": lambda c=chosen: partition.split(c),
                "p": lambda c=chosen, b=bits: partition.paint(c, b % 3),
                "u": partition.undo,
                "r": partition.redo,
            }[kind]()
        except ParameterError:
            continue
        # Every piece is a union of leaves, and no label names two nodes.
        nodes = {(n, s) for n, s in zip(partition._node, partition.table()[1:], strict=True)}
        assert len(nodes) == len(partition.pieces)
        if kind in "msp" and len(changed):
            states = [*states[: len(partition._done)], state(partition)]
    while partition.can_redo:
        partition.redo()
    for expected in reversed(states):
        assert state(partition) == expected
        partition.undo()
    for expected in states[1:]:
        partition.redo()
        assert state(partition) == expected


def state(partition):
    return (partition.table().tolist(), partition.class_table().tolist())


def test_pieces_of_a_class_are_joined_in_one_step():
    labels = np.kron(np.arange(1, 13).reshape(3, 4), np.ones((2, 2), int))
    partition = Partition(labels)
    partition.paint([1, 2, 5, 12], 1)
    partition.paint([3, 4], 2)
    changed = partition.join()
    assert sorted(changed.tolist()) == [0, 1, 2, 3, 4]
    assert partition.pieces.tolist() == [1, 3, 6, 7, 8, 9, 10, 11, 12]
    assert partition.classes() == {1: 1, 3: 2, 12: 1}
    partition.undo()
    assert len(partition.pieces) == 12
    with pytest.raises(ParameterError, match="nothing to join"):
        Partition(labels).join()


def test_what_is_joined_can_be_of_classes_that_are_not_painted():
    partition = Partition(np.array([[1, 2, 3]]))
    partition.join(np.array([0, 2, 2, 1]))
    assert partition.pieces.tolist() == [1, 3]
    assert partition.classes() == {}


def test_slices_of_a_stack_are_not_joined():
    labels = np.stack([np.full((2, 2), 1), np.full((2, 2), 2)])
    partition = Partition(labels)
    partition.paint([1, 2], 1)
    with pytest.raises(ParameterError, match="nothing to join"):
        partition.join(n_spatial=2)
    partition.join(n_spatial=3)
    assert partition.pieces.tolist() == [1]


def test_an_object_splits_where_the_tree_gives_up_last():
    image = np.zeros((8, 40, 1), np.float32)
    image[:, 20:] = 50
    image[:, 10:20] = 3
    image[:, 30:] = 52
    leaves = np.kron(np.arange(1, 9)[None], np.ones((8, 5), int))
    tree = build(leaves, image, merging=NATURAL)
    partition = Partition(tree.cut(8), tree)
    everything = np.arange(1, 9)
    partition.paint(everything, 1)
    partition.join()
    assert partition.pieces.tolist() == [1]
    partition.split([1])
    np.testing.assert_array_equal(partition.table()[1:], [1] * 4 + [5] * 4)
    partition.split([1])
    np.testing.assert_array_equal(partition.table()[1:], [1, 1, 3, 3, 5, 5, 5, 5])
    assert partition.classes() == {1: 1, 3: 1, 5: 1}


def test_pieces_merged_by_hand_stay_in_another_cut_of_the_same_leaves():
    """Four columns of three: hand-made ones stay whole, come back, and are forgotten once split."""
    columns = np.kron(np.arange(1, 13).reshape(3, 4), np.ones((2, 2), int))
    before = Partition(columns)
    before.merge([1, 2])
    before.paint([1], 3)
    leaves = Partition(columns)
    leaves.take_over(before)
    assert leaves.label_at((0, 0)) == leaves.label_at((0, 2)) == 1
    assert leaves.classes() == {1: 3}
    assert not leaves.can_undo
    again = Partition(columns)
    again.take_over(leaves)
    np.testing.assert_array_equal(again.table(), leaves.table())
    leaves.split([1])
    forgotten = Partition(columns)
    forgotten.take_over(leaves)
    np.testing.assert_array_equal(forgotten.table(), np.arange(13))
    with pytest.raises(ImageError, match="another label image"):
        Partition(columns[:, ::2]).take_over(leaves)


def test_what_was_merged_by_hand_is_put_back_on_another_cut_in_one_step():
    columns = np.kron(np.arange(1, 13).reshape(3, 4), np.ones((2, 2), int))
    before = Partition(columns)
    before.merge([1, 2])
    before.paint([1, 7], 3)
    again = Partition(columns)
    changed = again.put_back(before.by_hand(), before.class_table()[1:])
    np.testing.assert_array_equal(again.table(), before.table())
    assert again.classes() == {1: 3, 7: 3}
    assert sorted(changed.tolist()) == [0, 1, 6]
    assert [each.tolist() for each in again.by_hand()] == [[0, 1]]
    again.undo()
    np.testing.assert_array_equal(again.table(), np.arange(13))
    assert again.classes() == {}
    assert again.by_hand() == []
    with pytest.raises(ImageError, match="another label image"):
        again.put_back([], np.zeros(3, int))

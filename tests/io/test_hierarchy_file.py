"""A hierarchy kept in a file is the same one; a file that is none is refused."""

import numpy as np
import pytest

from napari_sen import Hierarchy, hierarchy
from napari_sen.errors import ImageError, OutputError


@pytest.fixture
def tree(rng):
    return hierarchy(rng.random((20, 30)), 40, model=None)


def test_a_saved_hierarchy_is_the_same(tree, tmp_path):
    tree.save(tmp_path / "tree.npz")
    again = Hierarchy.load(tmp_path / "tree.npz")
    np.testing.assert_array_equal(again.labels, tree.labels)
    np.testing.assert_array_equal(again.linkage, tree.linkage)
    assert [file.name for file in tmp_path.iterdir()] == ["tree.npz"]


def test_damaged_files_are_refused(tree, tmp_path):
    path = tmp_path / "tree.npz"
    with pytest.raises(ImageError, match="no such file"):
        Hierarchy.load(path)
    tree.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ImageError, match="damaged"):
        Hierarchy.load(path)
    path.write_bytes(b"")
    with pytest.raises(ImageError, match="damaged"):
        Hierarchy.load(path)
    np.savez(path, labels=tree.labels, linkage=tree.linkage)
    with pytest.raises(ImageError, match="format"):
        Hierarchy.load(path)
    with path.open("wb") as file:
        np.save(file, tree.labels)
    with pytest.raises(ImageError, match="not a zip file"):
        Hierarchy.load(path)
    np.savez(path, format=np.array({1}, dtype=object))
    with pytest.raises(ImageError, match="damaged"):
        Hierarchy.load(path)


def test_saving_says_why_it_cannot(tree, tmp_path):
    with pytest.raises(OutputError, match="npz"):
        tree.save(tmp_path / "tree.zip")
    with pytest.raises(OutputError, match="no folder"):
        tree.save(tmp_path / "missing" / "tree.npz")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(OutputError, match="folder"):
        tree.save(tmp_path / "folder.npz", overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["folder.npz"]


def test_an_existing_file_is_replaced_only_when_asked(tree, tmp_path):
    path = tmp_path / "tree.npz"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="overwrite"):
        tree.save(path)
    assert path.read_bytes() == b"precious"
    tree.save(path, overwrite=True)
    assert Hierarchy.load(path).n_leaves == 40

"""How much memory is left, in a machine and in its groups, and how much the work takes."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sen.errors import ImageError
from napari_sen.io import memory
from napari_sen.io.memory import (
    available_memory,
    check_fits,
    group_memory,
    require_memory,
    working_set,
)

GB = 10**9


class Groups:
    """A made-up tree of control groups of one version, and the file that names a process's own."""

    def __init__(self, folder, version, own):
        self.root, self.names = folder / "cgroup", folder / "own"
        self.files = {
            1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
            2: ("memory.max", "memory.current", "inactive_file"),
        }[version]
        self.base = self.root / "memory" if version == 1 else self.root
        self.base.mkdir(parents=True)
        line = f"0::{own}" if version == 2 else f"7:cpu,memory:{own}"
        self.names.write_text(f"3:freezer:/elsewhere\n{line}\n")

    def limit(self, path, most, used=0, droppable=0):
        """Limit the group at this path."""
        folder = self.base / path
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in zip(self.files, (most, used), strict=False):
            (folder / name).write_text(f"{value}\n")
        (folder / "memory.stat").write_text(f"anon 5\n{self.files[2]} {droppable}\nslab 7\n")

    def left(self):
        return group_memory(self.root, self.names)


@pytest.fixture(params=[1, 2])
def groups(tmp_path, request):
    """The process is in group /batch/job."""
    return Groups(tmp_path, request.param, "/batch/job")


def test_what_a_group_has_left_counts_the_cache_that_it_can_drop(groups):
    groups.limit("batch/job", 4 * GB, used=3 * GB, droppable=GB // 2)
    assert groups.left() == 4 * GB - 3 * GB + GB // 2


def test_a_group_is_limited_by_those_that_hold_it(groups):
    groups.limit("batch/job", 8 * GB)
    groups.limit("batch", 2 * GB)
    assert groups.left() == 2 * GB
    groups.limit("batch", 20 * GB)
    assert groups.left() == 8 * GB


def test_the_limits_of_others_do_not_count(groups):
    groups.limit("batch/other", GB)
    groups.limit("batch/job", 3 * GB)
    assert groups.left() == 3 * GB


def test_in_a_container_the_limit_is_at_the_root(groups):
    """Its own path is one of the machine outside, which is not seen."""
    groups.limit("", 2 * GB, used=GB)
    assert groups.left() == GB


def test_a_group_that_is_full_has_nothing_left(groups):
    groups.limit("batch/job", GB, used=2 * GB)
    assert groups.left() == 0


def test_without_a_limit_there_is_none(groups, tmp_path):
    assert groups.left() is None
    groups.limit("batch/job", "max")
    assert groups.left() is None
    assert group_memory(groups.root, tmp_path / "missing") is None


@pytest.mark.parametrize(("group", "left"), [(None, 9), (4, 4), (20, 9)])
def test_a_process_may_take_no_more_than_machine_and_groups_have(group, left, monkeypatch):
    monkeypatch.setattr(memory, "group_memory", lambda: group)
    monkeypatch.setattr(
        memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=9, free=1)
    )
    assert available_memory() == left


def test_every_system_says_how_much_memory_is_free():
    assert 0 <= available_memory() <= memory.psutil.virtual_memory().total


SIZES = {
    "slice_pixels": st.integers(1, 10**9),
    "n_slices": st.integers(1, 1000),
    "channels": st.integers(1, 64),
    "itemsize": st.sampled_from([1, 2, 4, 8]),
    "is_read": st.booleans(),
    "with_model": st.booleans(),
}
PRODUCTS = ("superpixels", "hierarchy", "contours", "embedding", "scenes")


@given(
    first=st.fixed_dictionaries(SIZES),
    second=st.fixed_dictionaries(SIZES),
    product=st.sampled_from(PRODUCTS),
)
def test_more_to_do_takes_no_less_memory(first, second, product):
    """In every size at once, and so in each alone."""
    low = {name: min(first[name], second[name]) for name in SIZES}
    high = {name: max(first[name], second[name]) for name in SIZES}
    assert 0 < needed(product, low) <= needed(product, high)


def needed(product, sizes):
    pixels, slices = sizes["slice_pixels"], sizes["n_slices"]
    rest = {name: sizes[name] for name in sizes if name not in ("slice_pixels", "n_slices")}
    return working_set(pixels, slices, product=product, **rest)


@pytest.mark.parametrize("product", PRODUCTS)
def test_work_beyond_the_memory_is_refused_with_the_way_out(product):
    how = {"channels": 3, "itemsize": 1, "is_read": False, "product": product, "with_model": True}
    check_fits(100, 1, **how)
    with pytest.raises(ImageError, match=r"out=NAME\.zarr.*--tile") as caught:
        check_fits(10**13, 1, **how)
    assert "10000000.0 million pixels" in str(caught.value)


def test_an_array_beyond_the_memory_is_refused_by_name():
    require_memory((10, 10), np.uint8, "a.tif")
    with pytest.raises(ImageError, match=r"a\.tif has \(10000000, 10000000\) pixels of uint16"):
        require_memory((10**7, 10**7), np.uint16, "a.tif")


def test_sizes_beyond_what_can_be_counted_are_refused_in_one_sentence():
    with pytest.raises(ImageError, match="which fit in no memory: it is damaged"):
        require_memory((10**400, 10**400), np.uint8, "it")

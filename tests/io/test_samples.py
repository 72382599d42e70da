"""The images that come with the package."""

import numpy as np
import pytest

from napari_sen.data import load_sample, sample_names, sample_path
from napari_sen.errors import ImageError


@pytest.mark.parametrize("name", sample_names())
def test_samples_load_and_are_described(name):
    image, about = load_sample(name)
    n_spatial = image.ndim - int(about["rgb"])
    assert n_spatial == (3 if about["slices"] == "volume" else 2)
    assert about["spacing"] is None or len(about["spacing"]) == n_spatial
    assert image.dtype in (np.uint8, np.uint16)
    assert image.min() < image.max()


def test_every_sample_has_its_source_and_all_are_small():
    folder = sample_path("coffee").parent
    text = (folder / "README.md").read_text()
    assert all(sample_path(name).name in text for name in sample_names())
    assert "Permission is hereby granted" in text
    assert sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) < 2e6


def test_unknown_sample():
    with pytest.raises(ImageError, match="there are coffee"):
        load_sample("tea")

"""The same labels from a dask cluster of two processes, even if one of them dies."""

import os
import signal
import warnings

import numpy as np
import pytest
import zarr
from skimage.data import astronaut

import napari_sen
from napari_sen.errors import ParameterError

distributed = pytest.importorskip("distributed", reason="the extra [cluster] is not installed")

ARGUMENTS = {"size": 9, "tile": 96, "model": "natural"}


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "image.zarr"
    zarr.create_array(path, data=astronaut()[:200, :300], chunks=(96, 96, 3))
    return path


@pytest.fixture(scope="module")
def cluster():
    with (
        warnings.catch_warnings(),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
    ):
        warnings.simplefilter("ignore")  # of the cluster about itself
        yield cluster


@pytest.mark.slow
def test_labels_are_those_of_one_process(image, cluster, tmp_path):
    expected = napari_sen.segment(image, **ARGUMENTS, out=tmp_path / "threads.zarr").compute()
    with distributed.Client(cluster) as client:
        killed = []

        def kill(done, total, stage):
            if stage == "superpixels" and done == 2 and not killed:
                killed.extend(client.run(os.getpid).values())
                os.kill(killed[0], getattr(signal, "SIGKILL", signal.SIGTERM))

        labels = napari_sen.segment(
            image, **ARGUMENTS, out=tmp_path / "client.zarr", scheduler=client, progress=kill
        )
        np.testing.assert_array_equal(labels.compute(scheduler="threads"), expected)
        assert killed
    labels = napari_sen.segment(
        image, **ARGUMENTS, out=tmp_path / "address.zarr", scheduler=cluster.scheduler_address
    )
    np.testing.assert_array_equal(labels.compute(scheduler="threads"), expected)


@pytest.mark.slow
def test_contours_are_those_of_one_process(image, cluster, tmp_path):
    options = {"fine_sizes": (8, 11), "tile": 96, "model": None}
    expected = napari_sen.contours(image, **options, out=tmp_path / "threads.zarr").compute()
    found = napari_sen.contours(
        image, **options, out=tmp_path / "a.zarr", scheduler=cluster.scheduler_address
    )
    assert expected.any()
    np.testing.assert_array_equal(found.compute(scheduler="threads"), expected)


def test_what_is_no_scheduler(image, tmp_path):
    for bad, words in (
        (0, "at least 1"),
        (True, "an address or a Client"),
        (3.5, "an address or a Client"),
        ("nowhere", "no dask scheduler at 'nowhere'"),
    ):
        with pytest.raises(ParameterError, match=words):
            napari_sen.segment(image, size=9, model=None, scheduler=bad, out=tmp_path / "a.zarr")
        assert list(tmp_path.iterdir()) == []

"""The boundary benchmark: the MATLAB example's own figures, people, what is written and kept."""

import csv

import imageio.v3 as iio
import numpy as np
import pytest
from scipy.io import loadmat

from napari_sen.core.boundary_matching import (
    THRESHOLDS,
    BoundaryCounts,
    boundary_counts,
    boundary_map,
)
from napari_sen.errors import DataError, ParameterError
from napari_sen.evaluation.boundary_benchmark import evaluate_contours, measure_contours
from napari_sen.evaluation.contour_scores import contour_scores
from napari_sen.evaluation.datasets import open_bsds, open_folder
from napari_sen.evaluation.detector_settings import DETECTORS, LEARNT
from napari_sen.evaluation.detectors import make_detector
from tests.evaluation.conftest import save_model

NAMES = ("2018", "3063", "5096", "6046", "8068")
FIFTHS = np.linspace(1 / 6, 5 / 6, 5)  # as the original computes them


def joined(parts):
    """Return the counts of several maps as those of one at as many thresholds."""
    names = ("found", "found_total", "true", "true_total")
    return BoundaryCounts(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


def example_counts(folder, kind, name):
    truths = loadmat(folder / "groundTruth" / f"{name}.mat")["groundTruth"][0]
    human = [boundary_map(entry["Segmentation"][0, 0]) for entry in truths]
    if kind == "png":
        return boundary_counts(iio.imread(folder / "png" / f"{name}.png") / 255, human, FIFTHS)
    if kind == "ucm2":
        double = loadmat(folder / "ucm2" / f"{name}.mat")["ucm2"]
        return boundary_counts(double[2::2, 2::2].astype(float), human, FIFTHS)
    maps = loadmat(folder / "segs" / f"{name}.mat")["segs"].ravel()
    return joined([boundary_counts(boundary_map(each), human, [0.5]) for each in maps])


@pytest.mark.parametrize(
    ("kind", "test"), [("ucm2", "test_1"), ("png", "test_2"), ("segs", "test_3")]
)
def test_the_figures_are_those_of_the_original(shared_data, kind, test):
    """ODS, OIS and AP of its five images as MATLAB wrote them."""
    folder = shared_data / "bsds_bench_example"
    found = contour_scores([example_counts(folder, kind, name) for name in NAMES], FIFTHS)
    _, recall, precision, ods, _, _, ois, area = np.loadtxt(folder / test / "eval_bdry.txt")
    assert [found.recall, found.precision] == pytest.approx([recall, precision], abs=0.003)
    assert [found.ods, found.ois, found.ap] == pytest.approx([ods, ois, area], abs=0.003)
    curve = np.loadtxt(folder / test / "eval_bdry_thr.txt")
    np.testing.assert_allclose(found.recalls, curve[:, 1], atol=0.003)
    np.testing.assert_allclose(found.precisions, curve[:, 2], atol=0.003)


def test_people_agree_as_published(shared_data):
    """Human ODS on BSDS500 is near 0.80; six images already are."""
    data = open_bsds(shared_data / "bsds500", "val")[:100:17]
    rows = measure_contours(data, ["human"])
    found = contour_scores([row.counts for row in rows], THRESHOLDS)
    assert found.ods == pytest.approx(0.8, abs=0.04)


def test_scores_of_made_up_counts():
    """Two images, two thresholds: ODS at the common best, OIS at each image's own."""
    one = BoundaryCounts(*(np.array(v) for v in ([10, 5], [10, 10], [10, 5], [20, 5])))
    two = BoundaryCounts(*(np.array(v) for v in ([10, 2], [10, 10], [10, 2], [10, 2])))
    found = contour_scores([one, two], [0.2, 0.8])
    assert found.recalls.tolist() == [1, 0.35]
    assert found.precisions.tolist() == [pytest.approx(2 / 3), 1]
    assert found.ois == pytest.approx(0.8)  # both are best at the first threshold
    assert 0.8 < found.ods < 0.81  # a point between the two thresholds is a little better


def test_every_detector_gives_strengths(folder, tmp_path):
    model = save_model(tmp_path / "small.safetensors", 0)
    item = open_folder(folder)[0]
    for name in DETECTORS:
        if name == "human":
            continue
        strength = make_detector(name, model if name in LEARNT else None)(item)
        assert strength.shape == (32, 40)
        assert 0 <= strength.min() < strength.max() <= 1, name
    with pytest.raises(ParameterError, match="needs a model"):
        make_detector("sen")


def test_a_run_is_kept_and_written(bsds, tmp_path):
    steps = []
    options = {"methods": ["human", "canny", "trees"], "out": tmp_path / "out"}
    found = evaluate_contours(bsds, **options, progress=lambda *step: steps.append(step))
    assert steps[-1][:2] == (6, 6)
    assert set(found.scores) == {"human", "canny", "trees"}
    table = (tmp_path / "out" / "contours.md").read_text()
    assert f"| canny | {found.scores['canny'].ods:.3f} |" in table
    assert (tmp_path / "out" / "curves.png").stat().st_size > 10_000
    with (tmp_path / "out" / "curves.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 3 * 99
    again = []
    same = evaluate_contours(bsds, **options, progress=lambda *step: again.append(step))
    assert again == [(0, 0, "measuring")]
    assert same.rows == found.rows


def test_what_was_kept_for_another_kind_of_image_is_measured_anew(bsds, tmp_path):
    """A bundled model brings its kind's parameters to the detectors on colour alone, too."""

    def trees(methods, **how):
        found = evaluate_contours(bsds, methods=methods, plots=False, **how)
        return [row.counts.true.tolist() for row in found.rows if row.method == "tree"]

    alone = trees(["tree"], out=tmp_path / "out")
    beside = trees(["tree", "sen-tree"], model="microscopy")
    assert beside != alone
    assert trees(["tree", "sen-tree"], model="microscopy", out=tmp_path / "out") == beside


def test_several_processes_find_the_same(bsds):
    methods = ["sobel", "tree"]
    one = evaluate_contours(bsds, methods=methods, plots=False)
    two = evaluate_contours(bsds, methods=methods, plots=False, workers=2)
    assert one.scores["tree"].ods == two.scores["tree"].ods


def test_bad_requests(folder, bsds):
    with pytest.raises(ParameterError, match="cannny"):
        evaluate_contours(bsds, methods=["cannny"])
    with pytest.raises(ParameterError, match="none of them twice"):
        evaluate_contours(bsds, methods=["canny", "canny"])
    with pytest.raises(ParameterError, match="workers"):
        evaluate_contours(bsds, methods=["canny"], workers=0)
    with pytest.raises(DataError, match="one annotator"):
        evaluate_contours(folder, methods=["human"])

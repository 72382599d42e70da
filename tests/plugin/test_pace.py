"""How far work in tiles is, before the first tile is done, and what the status line makes of it."""

import threading

import pytest

from napari_sen.options import Execution
from napari_sen.params import SegmentParams
from napari_sen.pipeline.plan import superpixel_run
from napari_sen.plugin.state.control import Control
from napari_sen.plugin.state.pace import PARTS, Pace
from napari_sen.plugin.state.storage import Storage
from napari_sen.plugin.steps.session import Session


def in_thread(act):
    """Do something in a thread of its own, which stays until the end of the test."""
    results, go = [], threading.Event()

    def work():
        results.append(act())
        go.wait(30)

    thread = threading.Thread(target=work)
    thread.start()
    while not results:
        thread.join(0.01)
    return results[0], lambda: (go.set(), thread.join())


def test_what_threads_do_counts_before_a_tile_is_done():
    pace = Pace(with_model=True)
    assert pace.turn(0, 4, "superpixels") == (0, 4 * PARTS, "superpixels")
    (done, total, stage), end = in_thread(lambda: pace.hear(10, 20, "embedding"))
    assert (total, stage) == (4 * PARTS, "superpixels")
    assert 0.3 * PARTS < done < 0.6 * PARTS
    both = pace.hear(20, 20, "embedding")[0]
    assert done + 0.7 * PARTS < both < 2 * PARTS
    end()


def test_a_tile_that_has_ended_is_not_counted_twice():
    pace = Pace(with_model=False)
    pace.turn(2, 4, "superpixels")
    pace.hear(9, 9, "boundaries")
    assert pace.turn(3, 4, "superpixels")[0] == 3 * PARTS
    pace.hear(5, 10, "superpixels")
    assert pace.turn(0, 4, "seams") == (0, 4 * PARTS, "seams")


@pytest.mark.parametrize("method", ["snic", "tree"])
def test_a_tile_only_comes_nearer_to_its_end(photo, tmp_path, method):
    """What a tile reports comes in the order in which its parts are counted."""
    how = Execution(scheduler=1, out=tmp_path / "a.zarr")
    params = SegmentParams(n_segments=30, method=method)
    run = superpixel_run(photo, params, model=None, execution=how)
    pace, heard = Pace(with_model=False), []

    def hear(*report):
        parts, _, stage = pace.hear(*report)
        if stage == "superpixels":
            heard.append((report[-1], parts))

    run.overheard = hear
    for step in run.steps():
        pace.turn(step.done, step.total, step.stage)
    assert {"colour", "superpixels", "boundaries"} <= {stage for stage, _ in heard}
    done = [parts for _, parts in heard]
    assert done == sorted(done)


def test_it_never_says_more_than_all_and_ignores_what_it_does_not_know():
    pace = Pace(with_model=False)
    pace.turn(4, 4, "labels")
    assert pace.hear(5, 10, "superpixels")[0] == 4 * PARTS
    pace.turn(0, 1, "seams")
    assert pace.hear(5, 10, "something")[0] == 0
    assert pace.hear(0, 0, "boundaries")[0] == 0


@pytest.mark.parametrize("tile", [32, 64])
def test_a_run_in_tiles_tells_of_parts_of_tiles(photo, tmp_path, tile):
    from napari.layers import Image

    session = Session()
    session.model = None
    session.show_in([])
    session.choose(Image(photo, name="photo"))
    session.ask(40)
    session.store("superpixels", Storage(wanted=True, path=str(tmp_path / "a.zarr"), tile=tile))
    told = []
    control = Control()
    control.report = lambda *report: told.append(report)
    session.job("superpixels")(control)
    grown = [done for done, _, stage in told if stage == "superpixels"]
    assert any(0 < done < PARTS for done in grown)
    assert max(done / total for done, total, _ in told if total) == 1

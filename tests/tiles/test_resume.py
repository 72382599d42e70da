"""Runs that were killed, stopped or hindered go on and end as if nothing had happened."""

import json
import shutil
import threading

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_sen.disk import make_folder
from napari_sen.errors import Cancelled, OutputError, WorkError
from napari_sen.options import Execution, Reading
from napari_sen.params import SegmentParams
from napari_sen.pipeline.plan import superpixel_run
from napari_sen.pipeline.superpixels import Superpixels
from napari_sen.tiles.journal import Journal
from napari_sen.tiles.output import Place
from tests.systems import posix_only, quick_processes

SIDE, TILE = 288, 32


def narrow_run(image, out, *, tile=TILE, model=None, spacing=None, resume=False, overwrite=False,
               **params):  # fmt: skip
    """A run with half a seed spacing as halo: far too little, so there is much to mend."""
    return superpixel_run(
        image,
        SegmentParams(
            **{"method": "snic", "size": 8, "compactness": 3, "boundary_weight": 0} | params
        ),
        model=model,
        reading=Reading(spacing=spacing),
        execution=Execution(tile=tile, scheduler=2, out=out, resume=resume, overwrite=overwrite),
        halo=0.5,
    )


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A store of noise on blocks: tiles with this halo disagree, so there is much to mend."""
    rng = np.random.default_rng(0)
    values = (
        np.kron(rng.random((12, 12)), np.ones((24, 24))) * 50000 + rng.random((SIDE, SIDE)) * 9e3
    )
    path = tmp_path_factory.mktemp("source") / "image.zarr"
    zarr.create_array(path, data=values.astype(np.uint16), chunks=(64, 64))
    return path


@pytest.fixture(scope="module")
def expected(image, tmp_path_factory):
    """Every file of a run that nothing happened to."""
    out = tmp_path_factory.mktemp("expected") / "out.zarr"
    narrow_run(image, out).run()
    return contents(out)


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def assert_ended_well(out, expected):
    assert contents(out) == expected
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def child(image, out):
    """Segment in another process."""
    narrow_run(image, out, resume=True).run()


def limited(image, out, said, largest):
    """Segment where the system lets no file grow larger; note what is said."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
    try:
        child(image, out)
    except WorkError as error:
        said.write_text(str(error))


@pytest.fixture(scope="module")
def processes():
    return quick_processes("napari_sen.pipeline.segment", "tests.tiles.test_resume")


@pytest.mark.slow
def test_killed_at_twenty_random_points(image, expected, processes, tmp_path):
    rng = np.random.default_rng(1)
    kills, ends = 0, 0
    while kills < 20 or ends == 0:
        out = tmp_path / str(ends) / "out.zarr"
        out.parent.mkdir(exist_ok=True)
        process = processes.Process(target=child, args=(image, out))
        process.start()
        process.join(timeout=rng.uniform(0.05, 0.5) if kills < 20 else None)
        if process.is_alive():
            process.kill()
            kills += 1
        process.join()
        if process.exitcode == 0:
            assert_ended_well(out, expected)
            ends += 1
        else:
            assert process.exitcode < 0
            assert not out.exists() or contents(out) == expected


@posix_only
def test_a_full_disk(image, expected, processes, tmp_path):
    """The system refuses the largest shards as it would on a full disk."""
    sizes = sorted(len(content) for content in expected.values())
    out, said = tmp_path / "out.zarr", tmp_path.with_name("said.txt")
    process = processes.Process(target=limited, args=(image, out, said, sizes[-5]))
    process.start()
    process.join()
    assert "File too large" in said.read_text()
    assert f"cannot finish {out} (" in said.read_text()
    assert (
        "make room or bring the place back, then resume; what is finished is kept"
        in said.read_text()
    )
    assert not out.exists()
    narrow_run(image, out, resume=True).run()
    assert_ended_well(out, expected)


def test_a_vanished_source(image, expected, tmp_path):
    moved = image.with_name("moved.zarr")
    out = tmp_path / "out.zarr"

    def move(done, total, stage):
        if stage == "superpixels" and done == 5:
            image.rename(moved)

    with pytest.raises(WorkError, match=r"image\.zarr is gone: bring it back, then resume"):
        narrow_run(image, out).run(move)
    assert not out.exists()
    moved.rename(image)
    narrow_run(image, out, resume=True).run()
    assert_ended_well(out, expected)


@pytest.mark.parametrize("where", ["statistics", "superpixels", "seams", "mending"])
def test_stopped_and_gone_on_with(where, image, expected, tmp_path):
    out = tmp_path / "out.zarr"
    seen = []

    def stop(done, total, stage):
        seen.append((stage, done, total))
        if stage == where and done >= (1 if where == "statistics" else 3):
            raise Cancelled

    with pytest.raises(Cancelled):
        narrow_run(image, out).run(stop)
    assert not out.exists()
    with pytest.raises(OutputError, match=r"unfinished run: pass resume=True \(--resume\)"):
        narrow_run(image, out).run()
    first = len(seen)

    def watch(done, total, stage):
        seen.append((stage, done, total))

    narrow_run(image, out, resume=True).run(watch)
    assert_ended_well(out, expected)
    again = [done for stage, done, _ in seen[first:] if stage == where]
    if where != "statistics":  # its sums are kept at its end only
        assert min(again) >= 3


def stopped(image, out, after=20):
    steps = narrow_run(image, out).steps()
    for step in steps:
        if step.stage == "superpixels" and step.done == after:
            steps.close()
            return


def test_other_parameters_are_refused(image, tmp_path):
    out = tmp_path / "out.zarr"
    stopped(image, out)
    before = contents(tmp_path)
    for other, words in (
        ({"compactness": 20}, r"compactness was 3, now 20"),
        ({"size": 9}, r"size was 8, now 9"),
        ({"tile": 64}, r"tile was \[32\], now \[64\]"),
        ({"spacing": (1, 2)}, "spacing was"),
        ({"model": "microscopy"}, "model was None, now '"),
    ):
        with pytest.raises(OutputError, match=words):
            narrow_run(image, out, resume=True, **other).run()
    assert contents(tmp_path) == before
    narrow_run(image, out, overwrite=True, size=9).run()
    assert out.exists()


def test_another_image_is_refused(image, tmp_path):
    copy = tmp_path / "image.zarr"
    shutil.copytree(image, copy)
    out = tmp_path / "out.zarr"
    stopped(copy, out)
    zarr.open_array(copy)[:9, :9] = 0
    with pytest.raises(OutputError, match=r"image\.zarr was changed since"):
        narrow_run(copy, out, resume=True).run()


def test_half_written_shards_and_torn_lines(image, expected, tmp_path):
    """Only what the journal names counts, whatever else lies about."""
    for cut in (7, 10**6):
        out = tmp_path / str(cut) / "out.zarr"
        out.parent.mkdir()
        stopped(image, out)
        work = out.parent / "out.zarr.partial"
        log = work / "journal" / "done.txt"
        whole = log.read_bytes()
        log.write_bytes(whole[: max(0, len(whole) - cut)] + b"0badc0de [torn")
        (work / "out.zarr" / "0" / "c" / "5").mkdir(exist_ok=True)
        (work / "out.zarr" / "0" / "c" / "5" / "5").write_bytes(b"half a shard")
        stray = work / "out.zarr" / "0" / "c" / "5" / "6.0123.partial"
        stray.write_bytes(b"half")
        narrow_run(image, out, resume=True).run()
        assert_ended_well(out, expected)


def test_a_file_that_goes_by_two_names_is_no_stray(image, expected, tmp_path):
    """Where case is ignored, or accents are taken apart, folders list other names than given."""
    out = tmp_path / "out.zarr"
    stopped(image, out)
    work = out.with_name("out.zarr.partial")
    for path in [path for path in (work / "out.zarr").rglob("*") if path.is_file()]:
        other = work / "OUT.zarr" / path.relative_to(work / "out.zarr")
        other.parent.mkdir(parents=True, exist_ok=True)
        other.hardlink_to(path)
    with Journal(work / "journal", json.loads((work / "journal" / "run.json").read_bytes()),
                 retry=""):  # fmt: skip
        assert contents(work / "OUT.zarr") == contents(work / "out.zarr") != {}


class Unmoved(Place):
    """A place of which a run is killed before it moves the result."""

    def finish(self, lock, *, overwrite):
        pass


def test_killed_between_the_last_stage_and_the_move(image, expected, tmp_path):
    out = tmp_path / "out.zarr"
    run = narrow_run(image, out)
    run.place = Unmoved(**vars(run.place))
    run.run()
    assert not out.exists()
    narrow_run(image, out, resume=True).run()
    assert_ended_well(out, expected)


def test_an_array_in_memory_goes_on_too(expected, image, tmp_path):
    array = da.from_zarr(str(image))
    out = tmp_path / "out.zarr"
    stopped(array, out)
    narrow_run(array, out, resume=True).run()
    found = contents(out)
    assert found.keys() == expected.keys()
    assert all(found[name] == expected[name] for name in found if name != "zarr.json")


def test_resuming_what_is_finished(image, expected, tmp_path):
    out = tmp_path / "out.zarr"
    for _ in range(2):
        narrow_run(image, out, resume=True).run()
        assert_ended_well(out, expected)
    with pytest.raises(OutputError, match="exists"):
        narrow_run(image, out, resume=True, size=9).run()
    make_folder(tmp_path / "out.zarr.partial")  # killed while it tidied up
    narrow_run(image, out, resume=True).run()
    assert_ended_well(out, expected)


class Endless(Superpixels):
    """Superpixels that never come to an end."""

    def stages(self, work):
        yield from work.pieces("superpixels", endless, 4)


def endless(item, poll):
    begun.set()
    while True:
        poll(0, 1, "superpixels")


begun = threading.Event()


def test_an_unwanted_run_stops_in_the_middle_of_a_tile(image, expected, tmp_path):
    out = tmp_path / "out.zarr"
    begun.clear()
    run = narrow_run(image, out)
    run.product = Endless(**vars(run.product))
    run.is_unwanted = begun.is_set
    with pytest.raises(Cancelled):
        run.run()
    narrow_run(image, out, resume=True).run()
    assert_ended_well(out, expected)


def changed_in_the_middle(tmp_path):
    """A source and an output of it, and the source changed since where no corner lies."""
    source, out = tmp_path / "image.zarr", tmp_path / "out.zarr"
    values = np.zeros((SIDE, SIDE), np.uint8)
    values[:, SIDE // 2 :] = 200
    array = zarr.create_array(source, data=values, chunks=(64, 64))
    narrow_run(source, out).run()
    array[100:190, 100:190] = np.random.default_rng(0).integers(0, 255, (90, 90), np.uint8)
    return source, out


def test_overwriting_always_starts_anew(tmp_path):
    source, out = changed_in_the_middle(tmp_path)
    before = contents(out)
    narrow_run(source, out, overwrite=True).run()
    assert contents(out) != before


def test_a_source_that_changed_is_not_gone_on_with(tmp_path):
    source, out = changed_in_the_middle(tmp_path)
    with pytest.raises(OutputError, match="exists"):
        narrow_run(source, out, resume=True).run()


def test_a_source_that_was_written_anew_is_refused(image, tmp_path):
    """Its values may be the same where they are looked at: sizes and times are not."""
    copy, out = tmp_path / "image.zarr", tmp_path / "out.zarr"
    shutil.copytree(image, copy)
    stopped(copy, out)
    before = contents(out.with_name("out.zarr.partial"))
    chunk = copy / "c" / "1" / "2"
    chunk.write_bytes(chunk.read_bytes())
    with pytest.raises(OutputError, match=r"image\.zarr was changed since"):
        narrow_run(copy, out, resume=True).run()
    assert contents(out.with_name("out.zarr.partial")) == before
    narrow_run(copy, out, overwrite=True).run()
    assert out.exists()


def test_a_source_that_is_written_while_it_is_read_gives_no_result(image, tmp_path):
    copy, out = tmp_path / "image.zarr", tmp_path / "out.zarr"
    shutil.copytree(image, copy)

    def write(done, total, stage):
        if stage == "superpixels" and done == 5:
            zarr.open_array(copy)[:9, 200:] = 0

    with pytest.raises(WorkError, match=r"image\.zarr was changed while it was read"):
        narrow_run(copy, out).run(write)
    assert not out.exists()
    with pytest.raises(OutputError, match=r"image\.zarr was changed since"):
        narrow_run(copy, out, resume=True).run()


def test_labels_beside_an_image_change_nothing_of_it(tmp_path):
    """The labels of an image are made in its own store: that is no change of the source."""
    source = tmp_path / "image.zarr"
    group = zarr.create_group(source, zarr_format=3)
    group.create_array("0", data=np.eye(64, dtype=np.uint8), chunks=(32, 32))
    scale = [{"type": "scale", "scale": [1, 1]}]
    levels = [{"path": "0", "coordinateTransformations": scale}]
    axes = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
    for name in ("one", "two"):
        narrow_run(source, source / "labels" / name, size=16).run()
    assert zarr.open_group(source)["labels"].attrs["ome"]["labels"] == ["one", "two"]


def test_stores_keep_no_path(expected, image):
    about = json.loads(expected["zarr.json"])["attributes"]["napari-sen"]["run"]
    assert about["image"]["name"] == image.name
    for name, content in expected.items():
        assert str(image.parent).encode() not in content, name


def edits(path, rng):
    """Return ways to damage a file."""
    content = path.read_bytes()
    place = int(rng.integers(len(content)))
    flipped = bytearray(content)
    flipped[place] ^= 1 << int(rng.integers(8))
    return {
        "removed": path.unlink,
        "emptied": lambda: path.write_bytes(b""),
        "cut off": lambda: path.write_bytes(content[:place]),
        "flipped": lambda: path.write_bytes(bytes(flipped)),
        "longer": lambda: path.write_bytes(content + b"x"),
    }


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["superpixels", "mending"])
def test_whatever_is_damaged_is_made_again_or_refused(stage, image, expected, tmp_path):
    """Of an unfinished run one file is removed, cut off or changed: no other bytes result."""
    begun = tmp_path / "begun" / "out.zarr"
    begun.parent.mkdir()
    steps = narrow_run(image, begun).steps()
    for step in steps:
        if step.stage == stage and step.done > 0 and step.done >= step.total // 2:
            steps.close()
    names = sorted(p.relative_to(begun.parent) for p in begun.parent.rglob("*") if p.is_file())
    rng = np.random.default_rng(3)
    ends, said = {"whole": 0, "refused": 0}, []
    special = [name for name in names if name.suffix != ""]
    chosen = [*special, *rng.choice([n for n in names if n.suffix == ""], 8, replace=False)]
    for number, name in enumerate(chosen):
        out = tmp_path / str(number) / "out.zarr"
        shutil.copytree(begun.parent, out.parent)
        ways = edits(out.parent / name, rng)
        ways[rng.choice([*ways])]()
        try:
            narrow_run(image, out, resume=True).run()
        except OutputError as error:
            ends["refused"] += 1
            said.append(str(error))
        else:
            ends["whole"] += 1
            assert_ended_well(out, expected)
        shutil.rmtree(out.parent)
    assert not any("\n" in text for text in said)
    assert ends["whole"] > 4 * ends["refused"]

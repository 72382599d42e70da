"""What is said while the work runs, and how the time is shared out among the stages."""

import logging

import pytest

from napari_sen.cli import console
from napari_sen.cli.console import Reporter, columns, table
from napari_sen.errors import Cancelled


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(console.time, "perf_counter", lambda: now[0])

    def advance(seconds):
        now[0] += seconds

    return advance


def test_time_belongs_to_the_stage_that_took_it(clock):
    with Reporter(quiet=True) as reporter:
        reporter(0, 2, "one")
        clock(1)
        reporter(1, 2, "one")
        clock(2)
        reporter(0, 1, "two")  # the two seconds before were still the first stage's
        clock(4)
        reporter(1, 3, "one")
        clock(8)
    assert reporter.seconds == {"one": 11.0, "two": 4.0}


def test_pieces_of_a_stage_count_together(clock):
    with Reporter(quiet=True) as reporter:
        for name in ("a.png", "b.png"):
            reporter(0, 1, f"labels of {name}")
            clock(1)
    assert reporter.seconds == {"labels": 2.0}


def test_lines_off_a_terminal_and_silence_on_request(capsys, clock):
    for quiet in (False, True):
        with Reporter(quiet=quiet) as reporter:
            reporter(0, 1, "work")
            clock(1.5)
            reporter(1, 1, "work")
            logging.getLogger("napari_sen").info("a choice")
        out, err = capsys.readouterr()
        assert out == ""
        assert err == ("" if quiet else "a choice\nwork: 1.50 s\n")


def test_a_stage_that_goes_on_later_is_told_once_and_at_the_end(capsys, clock):
    with Reporter() as reporter:
        for done in range(2):
            reporter(done, 2, "outer")
            clock(1)
            reporter(0, 1, "inner")
            clock(1)
        reporter(2, 2, "outer")
    assert capsys.readouterr().err == "inner: 1.00 s\nouter: 2.00 s\n"


def test_an_unfinished_stage_is_not_called_done(capsys):
    def stopped():
        with Reporter() as reporter:
            reporter(1, 3, "work")
            raise Cancelled

    with pytest.raises(Cancelled):
        stopped()
    assert capsys.readouterr().err == ""


def test_a_log_that_is_watched_is_told_now_and_then_how_far_it_is(capsys, clock):
    with Reporter() as reporter:
        for done in range(101):
            reporter(done, 100, "tiles")
            clock(10)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "tiles: 3 of 100, about 16 min left"
    assert lines[1] == "tiles: 6 of 100, about 16 min left"
    assert lines[-2] == "tiles: 99 of 100, about 10 s left"
    assert lines[-1] == "tiles: 1010.00 s"
    assert len(lines) == 34


def test_time_left_counts_from_where_a_resumed_run_began(capsys, clock):
    with Reporter() as reporter:
        for done in (5000, 5001):
            reporter(done, 7001, "tiles")
            clock(40)
        reporter(5002, 7001, "tiles")
    # Twice 40 s for two tiles, then 1999 more.
    assert capsys.readouterr().err.splitlines()[-2] == "tiles: 5002 of 7001, about 22.2 h left"


def test_the_level_decides_what_of_the_log_is_shown(capsys):
    log = logging.getLogger("napari_sen")
    shown = {}
    for level in (logging.DEBUG, logging.INFO, logging.ERROR):
        with Reporter(level=level):
            log.debug("a detail")
            log.info("a choice")
        shown[level] = capsys.readouterr().err
    details, choice = shown[logging.DEBUG].splitlines()
    assert details.endswith(" DEBUG a detail")
    assert choice.endswith(" INFO a choice")
    assert shown[logging.INFO] == "a choice\n"
    assert shown[logging.ERROR] == ""


def test_a_bar_is_shown_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(console.sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with Reporter() as reporter:
        reporter(0, 2, "work")
        reporter.say("a line")
        reporter(2, 2, "work")
    out, err = capsys.readouterr()
    assert out == ""
    assert "work" in err
    assert "2/2" in err
    assert "a line" in err


def test_columns_are_aligned_under_their_names():
    rows = [{"name": "a", "size": "10 MB"}, {"name": "longer", "size": "2"}]
    assert columns(rows).splitlines() == ["name    size", "a       10 MB", "longer  2"]


def test_table_is_aligned():
    summary = {"a": 1, "long_name": [2, 3], "s": {"x": 0.123}, "files": ["p", "q"], "no": None}
    assert table(summary).splitlines() == [
        "a          1",
        "long name  2 x 3",
        "s: x       0.12",
        "files      p",
        "           q",
    ]

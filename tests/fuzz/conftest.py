"""How many damaged files each reader gets, and what may come of them."""

import os
import signal
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, Phase, settings

from napari_sen.errors import SenError

# Cases a reader; the tests use few of them, always the same, `tox -e fuzz` many and new ones.
CASES = int(os.environ.get("NAPARI_SEN_FUZZ", 0))
ENDLESS = 20  # seconds of work after which a reader counts as hanging
SILENT = 600 if CASES else 60  # seconds of waiting; a busy machine may not come to us for long
HELD = 4096  # MB that this process may hold in all
LARGEST = 600  # MB that a reader of files of a few kB may take


def fuzzed(few=30):
    """Return the settings of a test that takes so many cases where nobody asks for more."""
    return settings(
        max_examples=CASES or few,
        derandomize=not CASES,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],  # what hangs is not tried again and again
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="session", autouse=True)
def bounded():
    """Have a reader that takes too much fail, and not the machine."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (HELD << 20, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_DATA, before)


class Hangs(Exception):
    """A reader did not come back."""


@contextmanager
def guarded():
    """Raise where the block does not end, or takes more memory than a small file can need."""

    import resource

    def stop(*_):
        raise Hangs

    before = [signal.signal(number, stop) for number in (signal.SIGALRM, signal.SIGPROF)]
    signal.alarm(SILENT)
    signal.setitimer(signal.ITIMER_PROF, ENDLESS)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        yield
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        for number, handler in zip((signal.SIGALRM, signal.SIGPROF), before, strict=True):
            signal.signal(number, handler)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) // 1024
    assert grown < LARGEST, f"{grown} MB"


def outcome(read, capfd):
    """Return what a reader returns, or None if it refused in one line; nothing else is allowed."""
    found, refusal = None, "nothing"
    try:
        with guarded():
            found = read()
    except SenError as error:
        refusal = str(error)
    assert 0 < len(refusal) < 2000
    assert "\n" not in refusal
    assert tuple(capfd.readouterr()) == ("", "")
    return found

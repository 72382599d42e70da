"""Tasks spread over processes, each of which computes on one thread."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import connection
from threading import Thread
from typing import TypeVar

__all__ = ["run_tasks"]

MOST = 61 if os.name == "nt" else sys.maxsize  # processes that Python can wait for

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


def run_tasks(
    work: Callable[[_Task], _Result], tasks: Sequence[_Task], workers: int, *, torch: bool = False
) -> Iterator[_Result]:
    """Yield what a function makes of each task, as they are finished.

    Parameters
    ----------
    work : callable
        A function of a module, so that a process finds it.
    tasks : sequence
    workers : int
        Processes; 1 works here, in order.
    torch : bool
        Whether the tasks need torch, which then is loaded, and held to one thread, first.
    """
    if workers == 1 or len(tasks) < 2:
        yield from map(work, tasks)
        return
    workers = min(workers, MOST)
    # A forked torch may hang, so the workers start afresh, and load it only where it is used.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start_worker, (torch,)) as pool:
        try:
            with _no_interrupt():
                waiting = [pool.submit(work, task) for task in tasks]
            for future in as_completed(waiting):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Hold Ctrl-C back while processes start, which they would not survive quietly.

    They inherit this: Ctrl-C reaches the whole group, but the parent alone decides.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """End this process once its parent has, however that ended: a killed parent tells nobody."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)


def _start_worker(learnt: bool) -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
    if learnt:
        import torch

        torch.set_num_threads(1)

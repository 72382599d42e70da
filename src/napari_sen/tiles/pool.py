"""Many independent tasks, one a tile: on threads of this process or on a dask cluster.

Tasks are handed out a few at a time, so neither a graph nor a queue grows with the image.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Event
from typing import Any, TypeVar

from ..errors import Cancelled, ParameterError
from ..params import shown
from ..processors import cores

__all__ = ["Pool", "check_scheduler", "open_pool"]

log = logging.getLogger("napari_sen")

_Item = TypeVar("_Item")
Poll = Callable[..., None]
_BEAT = 0.1  # s


class Pool:
    """Where tasks run.

    Parameters
    ----------
    executor : Executor
        Of :mod:`concurrent.futures` or of dask.distributed.
    workers : int
        How many tasks it runs at once.
    local : bool
        Whether they run in this process, and so can be stopped midway.

    Attributes
    ----------
    is_unwanted : callable
        Asked a few times a second, in the thread that iterates, whether to stop.
    overheard : callable
        Called as ``overheard(done, total, stage)``, in the thread of a task, with what a task in
        this process reports of its own work.
    """

    def __init__(self, executor: Executor, workers: int, *, local: bool) -> None:
        self._executor = executor
        self.workers = workers
        self.local = local
        self.is_unwanted: Callable[[], bool] = lambda: False
        self.overheard: Callable[..., None] = lambda *report: None
        self._stop = Event()

    def run(
        self, task: Callable[[_Item, Poll | None], Any], items: Iterable[_Item]
    ) -> Generator[tuple[_Item, Any], None, None]:
        """Yield (item, result) of each task as it ends, in whatever order.

        ``task(item, poll)`` gets a progress callable that raises once the work is to stop, or
        None where tasks cannot be stopped. Closing the iterator stops the running tasks.

        Raises
        ------
        OSError
            If a task failed for a reason that lies outside: full disk, lost worker.
        Cancelled
            If the work is unwanted.
        """
        poll = self._poll if self.local else None
        waiting = iter(items)
        running: dict[Future[Any], _Item] = {}
        try:
            while True:
                for item in waiting:
                    running[self._executor.submit(task, item, poll)] = item
                    if len(running) >= 2 * self.workers:
                        break
                if not running:
                    return
                for future in self._ended(running):
                    item = running.pop(future)
                    yield item, future.result()
        finally:
            self._stop.set()
            for future in running:
                future.cancel()
            if self.local:
                wait(running)
            self._stop.clear()

    def _ended(self, running: Iterable[Future[Any]]) -> set[Future[Any]]:
        """Wait until a task has ended; raise Cancelled if the work is unwanted meanwhile."""
        while True:
            ended, _ = wait(running, timeout=_BEAT, return_when=FIRST_COMPLETED)
            if self.is_unwanted():
                raise Cancelled("the work was stopped")
            if ended:
                return ended

    def _poll(self, *report: Any) -> None:
        if self._stop.is_set():
            raise Cancelled("the work was stopped")
        if report:
            self.overheard(*report)


@contextmanager
def open_pool(scheduler: Any = None) -> Iterator[Pool]:
    """Open the place where tasks run.

    Parameters
    ----------
    scheduler : None, int, str or dask.distributed.Client
        None: threads of this process, one a core; a number: so many threads; a client, or the
        address of a scheduler (``tcp://host:8786``): the workers of that cluster, which must see
        the same files under the same paths.

    Raises
    ------
    ParameterError
        If it is none of these, or the cluster cannot be reached.
    """
    check_scheduler(scheduler)
    if scheduler is None or isinstance(scheduler, int):
        workers = int(scheduler or cores())
        log.debug("%d threads", workers)
        with ThreadPoolExecutor(workers, thread_name_prefix="napari-sen") as executor:
            yield Pool(executor, workers, local=True)
        return
    if isinstance(scheduler, str):
        with _client(scheduler) as client:
            yield _cluster_pool(client)
        return
    yield _cluster_pool(scheduler)


def check_scheduler(scheduler: Any) -> None:
    """Raise ParameterError unless this can be a scheduler; see :func:`open_pool`."""
    if scheduler is None or isinstance(scheduler, str) or hasattr(scheduler, "get_executor"):
        return
    if isinstance(scheduler, bool) or not isinstance(scheduler, int):
        raise ParameterError(
            f"scheduler must be a number of threads, an address or a Client, got {shown(scheduler)}"
        )
    if scheduler < 1:
        raise ParameterError(f"scheduler must be at least 1 thread, got {shown(scheduler)}")


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise ParameterError(
            "a scheduler's address needs dask.distributed: pip install 'napari-sen[cluster]'"
        ) from error
    try:
        return Client(address, timeout="20s", set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ParameterError(f"there is no dask scheduler at {address!r} ({error})") from error


def _cluster_pool(client: Any) -> Pool:
    threads = sum(client.nthreads().values())
    if threads == 0:
        raise ParameterError("the dask cluster has no workers: start some, then resume")
    log.debug("a dask cluster with %d threads", threads)
    executor = client.get_executor(pure=False, retries=3)
    return Pool(executor, threads, local=False)

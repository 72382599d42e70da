"""Where zarr's keys are read: plain files of a folder, or a server, with patience."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from zarr.abc.store import ByteRequest, RangeByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.storage import FsspecStore, WrapperStore

from ..errors import ImageError
from .place import is_remote
from .plain_store import PlainStore

__all__ = ["open_store"]

TRIES = 6
first_wait = 0.25  # s; each wait is twice the last: 8 s in all
_SOCKET_TIMEOUT = 30.0  # s without a byte
_METADATA = (".zarray", ".zgroup", ".zattrs", ".zmetadata", "zarr.json")
_FORBIDDEN, _TOO_EARLY = 403, (408, 425, 429)

_T = TypeVar("_T")


def open_store(place: str | Path) -> Store:
    """Return a store to read from: a folder, or an address such as ``https://`` or ``s3://``.

    Raises
    ------
    ImageError
        If a package is missing that reads such addresses.
    """
    text = str(place)
    if not is_remote(text):
        return PlainStore(text, read_only=True)
    try:
        store = FsspecStore.from_url(text, storage_options=_options(text), read_only=True)
    except ImportError as error:
        raise ImageError(
            f"cannot read {text}: {error}; install napari-sen with its extra remote "
            "(pip install 'napari-sen[remote]')"
        ) from error
    except ValueError as error:
        raise ImageError(f"cannot read {text}: {error}; use https:// or s3://") from error
    return _Patient(store)


def _options(url: str) -> dict[str, Any]:
    if urlsplit(url).scheme not in ("http", "https"):
        return {}
    import aiohttp

    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=_SOCKET_TIMEOUT, sock_read=_SOCKET_TIMEOUT
    )
    return {"client_kwargs": {"timeout": timeout}}


class _Patient(WrapperStore[FsspecStore]):
    """A server that is asked again where it fails in a way that may pass."""

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return what lies under a key, None where the server says that there is nothing."""
        inner = super().get
        return await self._asked(key, lambda: inner(key, prototype, byte_range))

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        """Return parts of what lies under keys."""
        wanted = list(key_ranges)
        return [await self.get(key, prototype, part) for key, part in wanted]

    async def exists(self, key: str) -> bool:
        """Return whether the server has a key; a failure is not an answer."""
        found = await self.get(key, default_buffer_prototype(), RangeByteRequest(0, 1))
        return found is not None

    async def _asked(self, key: str, call: Callable[[], Awaitable[_T]]) -> _T | None:
        for attempt in range(TRIES):
            try:
                return await call()
            except Exception as error:  # fsspec's back ends share no class
                is_forbidden = isinstance(error, PermissionError)  # as s3fs says it
                status = _FORBIDDEN if is_forbidden else getattr(error, "status", None)
                if status == _FORBIDDEN and key.rpartition("/")[2] in _METADATA:
                    return None  # object stores that do not list say so of what is not there
                if attempt == TRIES - 1 or not _may_pass(error, status):
                    raise OSError(f"{key} of {self._store.path}: {_said(error)}") from error
            await asyncio.sleep(first_wait * 2**attempt)
        return None


def _may_pass(error: Exception, status: object) -> bool:
    if isinstance(status, int) and status > 0:
        return status >= 500 or status in _TOO_EARLY
    if type(error).__name__ == "NoCredentialsError":
        return False
    is_network = type(error).__module__.startswith(("aiohttp", "botocore", "aiobotocore"))
    return is_network or isinstance(error, OSError | asyncio.TimeoutError)


def _said(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()

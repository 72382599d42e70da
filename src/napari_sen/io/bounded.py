"""zarr arrays whose chunks expand to what they are declared to hold, and no further.

A few kB of gzip or zstd can stand for gigabytes. zarr decodes them whole before it looks at their
size, so the codecs are asked here to stop in time.
"""

from __future__ import annotations

import asyncio
import bz2
import lzma
import math
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numcodecs.abc
import zarr
from zarr.abc.codec import BytesBytesCodec
from zarr.codecs import ShardingCodec

__all__ = ["bounded"]

_SPARE = 1 << 20  # bytes: of the headers of blosc, checksums, and the index of a shard
_HEADERS = {"blosc": slice(4, 8), "lz4": slice(0, 4)}  # where these note how much comes out


def bounded(array: Any) -> Any:
    """Return the same zarr array; a chunk that expands too far raises ValueError on reading.

    gzip, zlib, bz2, lzma, lz4, blosc and, with imagecodecs, zstd are bounded; other codecs are
    left as they are.
    """
    about = array.metadata
    if about.zarr_format == 2:
        if about.compressor is None or array.dtype.hasobject:
            return array
        # Filters may store wider numbers than are seen.
        width = max(array.dtype.itemsize, 8) if about.filters else array.dtype.itemsize
        limit = _limit(about.chunks, width)
        changed = replace(about, compressor=_Compressor(about.compressor, limit))
    else:
        changed = replace(about, codecs=_each_bounded(about.codecs))
    return zarr.Array(zarr.AsyncArray(metadata=changed, store_path=array.store_path))


def _each_bounded(codecs: Iterable[Any]) -> tuple[Any, ...]:
    found = []
    for codec in codecs:
        if isinstance(codec, ShardingCodec):
            codec = replace(codec, codecs=_each_bounded(codec.codecs))
        elif isinstance(codec, BytesBytesCodec):
            codec = _Bounded(codec)
        found.append(codec)
    return tuple(found)


def _limit(shape: Iterable[int], itemsize: int) -> int:
    """Return how many bytes a chunk may take: twice its pixels, for a shard of raw chunks."""
    return 2 * math.prod(shape) * itemsize + _SPARE


class _Compressor(numcodecs.abc.Codec):  # type: ignore[misc]
    """A compressor of zarr 2, for reading."""

    codec_id = "bounded"  # zarr wants one; it is never written

    def __init__(self, inner: Any, limit: int) -> None:
        self._inner, self._limit = inner, limit

    def encode(self, buf: Any) -> Any:
        return self._inner.encode(buf)

    def decode(self, buf: Any, out: Any = None) -> Any:
        found = _expanded(self._inner.codec_id, self.get_config(), buf, self._limit)
        return self._inner.decode(buf, out) if found is None else found

    def get_config(self) -> Any:
        return self._inner.get_config()


class _Bounded(BytesBytesCodec):
    """A codec of zarr 3, for reading."""

    def __init__(self, inner: BytesBytesCodec) -> None:
        self._inner = inner
        self.is_fixed_size = getattr(inner, "is_fixed_size", False)
        about: Any = inner.to_dict()
        self._name = str(about.get("name", "")).removeprefix("numcodecs.")
        self._about = about.get("configuration", {})

    def to_dict(self) -> dict[str, Any]:
        return self._inner.to_dict()

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
        return self._inner.compute_encoded_size(input_byte_length, chunk_spec)

    def resolve_metadata(self, chunk_spec: Any) -> Any:
        return self._inner.resolve_metadata(chunk_spec)

    def evolve_from_array_spec(self, array_spec: Any) -> Any:
        return _Bounded(self._inner.evolve_from_array_spec(array_spec))

    def validate(self, **what: Any) -> None:
        self._inner.validate(**what)

    async def encode(self, chunks_and_specs: Any) -> Any:
        return await self._inner.encode(chunks_and_specs)

    async def decode(self, chunks_and_specs: Any) -> Any:
        found = []
        for data, spec in chunks_and_specs:
            dtype = spec.dtype.to_native_dtype()
            expanded = None
            if data is not None and not dtype.hasobject:
                limit = _limit(spec.shape, dtype.itemsize)
                content = data.as_numpy_array()
                expanded = await asyncio.to_thread(
                    _expanded, self._name, self._about, content, limit
                )
            if expanded is None:
                (decoded,) = await self._inner.decode([(data, spec)])
            else:
                decoded = spec.prototype.buffer.from_bytes(expanded)
            found.append(decoded)
        return found


def _expanded(name: str, about: Mapping[str, Any], data: Any, limit: int) -> bytes | None:
    """Return what compressed bytes expand to, None where their codec may do so unwatched.

    Raises
    ------
    ValueError
        If it is more than ``limit`` bytes.
    """
    if name in _HEADERS:
        if int.from_bytes(bytes(data[_HEADERS[name]]), "little") > limit:
            raise _bomb(limit)
        return None
    if name == "zstd":
        return _zstd(data, limit)
    streams: dict[str, Callable[[], Any]] = {
        "gzip": lambda: zlib.decompressobj(wbits=31),
        "zlib": zlib.decompressobj,
        "bz2": bz2.BZ2Decompressor,
        "lzma": lambda: lzma.LZMADecompressor(
            format=about.get("format", lzma.FORMAT_XZ), filters=about.get("filters")
        ),
    }
    return _streamed(streams[name], bytes(data), limit) if name in streams else None


def _zstd(data: Any, limit: int) -> bytes | None:
    if find_spec("imagecodecs") is None:
        return None
    import imagecodecs

    try:
        return bytes(imagecodecs.zstd_decode(bytes(data), out=limit))
    except imagecodecs.ZstdError as error:
        if "too small" in str(error):
            raise _bomb(limit) from error
        raise ValueError(str(error)) from error


def _streamed(begin: Callable[[], Any], data: bytes, limit: int) -> bytes:
    """Return the content of one stream, or of several, one behind the other."""
    parts: list[bytes] = []
    room = limit
    while data:
        stream = begin()
        parts.append(stream.decompress(data, room + 1))
        room -= len(parts[-1])
        if room < 0:
            raise _bomb(limit)
        if not stream.eof:
            raise EOFError("a chunk is cut off")
        data = stream.unused_data.lstrip(b"\0")
    return b"".join(parts)


def _bomb(limit: int) -> ValueError:
    return ValueError(f"a chunk expands to more than the {limit} bytes that it may hold")

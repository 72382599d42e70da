"""Finished rows on disk, one JSON object a line, so that a stopped run goes on where it was."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass, fields, is_dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import (
    Any,
    ClassVar,
    Generic,
    Protocol,
    Self,
    TextIO,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from ..core.metrics import ImageScores
from ..disk import atomic, open_inside, read_plain, remove_file
from ..errors import DataError, OutputError, said
from ..params import shown

__all__ = ["Row", "RowLog", "digest"]


@dataclass(frozen=True)
class Row:
    """The scores of one method on one image at one size.

    Attributes
    ----------
    method, image : str
    wanted : int
        Number of superpixels wanted; ``scores.n_segments`` is the number made.
    request : float
        The number that the method was asked for in the end, after ``tries`` cuts.
    tries : int
    prepare_seconds : float
        What all sizes share: colour, embedding, tree.
    cut_seconds : float
        The last cut alone.
    scores : ImageScores
    """

    method: str
    image: str
    wanted: int
    request: float
    tries: int
    prepare_seconds: float
    cut_seconds: float
    scores: ImageScores

    @property
    def key(self) -> tuple[str, int, str]:
        """Method, size wanted, image: what tells rows of one run apart."""
        return self.method, self.wanted, self.image

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Return the row that ``dataclasses.asdict`` took apart."""
        return cls(**values | {"scores": ImageScores(**values["scores"])})

    @property
    def seconds(self) -> float:
        """From the image to this one label map."""
        return self.prepare_seconds + self.cut_seconds


def digest(values: Any) -> str:
    """Return a short fingerprint of JSON-able values."""
    return sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


class AnyRow(Protocol):
    """What a journal keeps: a dataclass with a key."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def method(self) -> str: ...

    @property
    def key(self) -> tuple[Any, ...]: ...

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self: ...


_Row = TypeVar("_Row", bound=AnyRow)
LARGEST = 1 << 31  # bytes of a journal


def _typed(row: _Row) -> _Row:
    """Return a row whose values are all of the kinds of its fields, or raise ValueError."""
    _check_kinds(row, get_type_hints(type(row)))
    return row


def _check_kinds(values: Any, kinds: dict[str, Any]) -> None:
    for item in fields(values):
        value, kind = getattr(values, item.name), kinds[item.name]
        if is_dataclass(kind):
            _check_kinds(value, get_type_hints(kind))
        elif not _is_of(value, kind):
            raise ValueError(f"{item.name} is {shown(value)}")


def _is_of(value: Any, kind: Any) -> bool:
    """Return whether a value is of a field's kind; a float may be a whole number, too."""
    if get_origin(kind) is list:
        return isinstance(value, list) and all(_is_of(each, get_args(kind)[0]) for each in value)
    if kind is float:
        return type(value) is float or (type(value) is int and abs(value) < 1 << 53)
    return type(value) is kind and (kind is not int or bool(abs(value) < 1 << 53))


class RowLog(Generic[_Row]):
    """A file of finished rows, or none; use it as a context manager.

    Parameters
    ----------
    path : Path or None
        None keeps rows in memory only.
    head : dict
        Data set and protocol: a file that says otherwise is refused.
    settings : dict from str to str
        For each method the fingerprint of its settings and model. Rows of another fingerprint
        are left in the file and not used.
    kind : type
        What a line becomes, such as :class:`Row`.

    Raises
    ------
    DataError
        The file is no journal, or one of another data set or protocol.
    OutputError
        The file cannot be written.
    """

    def __init__(
        self, path: Path | None, head: dict[str, Any], settings: dict[str, str], kind: type[_Row]
    ) -> None:
        self.rows: dict[tuple[Any, ...], _Row] = {}
        self._kind = kind
        self._path, self._head, self._settings = path, head, settings
        self._log: TextIO | None = None
        if path is not None and path.exists():
            self._read(path)

    def __enter__(self) -> Self:
        """Open the file for further rows."""
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._log = io.TextIOWrapper(open_inside(self._path, "ab"), encoding="utf-8")
            except OSError as error:
                raise OutputError(
                    f"cannot write {self._path} ({error.strerror}); choose another place"
                ) from error
            if self._log.tell() == 0:
                self._write(self._head)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file; what it holds stays valid however the run ended."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def add(self, row: _Row) -> None:
        """Keep a finished row."""
        self.rows[row.key] = row
        values = asdict(row) | {"settings": self._settings[row.method]}
        self._write(values | {"check": digest(values)})

    def _write(self, values: dict[str, Any]) -> None:
        if self._log is not None:
            self._log.write(json.dumps(values) + "\n")
            self._log.flush()

    def _read(self, path: Path) -> None:
        """Take the finished rows; a last line cut off by a crash is removed."""
        try:
            text = read_plain(path, LARGEST).decode()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot read the journal {path}: {said(error)}") from error
        whole = text[: text.rfind("\n") + 1]
        if not whole and (json.dumps(self._head) + "\n").startswith(text):
            remove_file(path)  # it was killed while it wrote its first line
            return
        try:
            found, *lines = (json.loads(line) for line in whole.splitlines())
            for line in lines:
                # Lines of version 0.1.0 have no checksum.
                if line.pop("check", None) not in (None, digest(line)):
                    raise ValueError("a line was changed")
                settings = line.pop("settings")
                row = _typed(self._kind.from_dict(line))
                if self._settings.get(row.method) == settings:
                    self.rows[row.key] = row
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise DataError(
                f"{path} is not a journal of measurements ({shown(error)}): move it away, or name "
                "another folder"
            ) from error
        if found != self._head:
            raise DataError(
                f"{path} belongs to another run ({shown(found)}); name a new folder or delete it"
            )
        if whole != text:  # the last line was cut off by a crash
            with atomic(path, overwrite=True) as temporary:
                temporary.write_text(whole, encoding="utf-8")

"""Superpixels to files: a table of what they are like, for now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import ParameterError
from ...io.table_file import save_table
from ..layers.made import made_of
from .session import Session

__all__ = ["FORMATS", "Format", "export"]


@dataclass(frozen=True)
class Format:
    """One format: its title, the ending of its files, what writes it."""

    title: str
    suffix: str
    write: Callable[[Session, Path, bool], str]


def measurements(session: Session) -> dict[str, Any]:
    """Return what each superpixel that is shown is like; with its class where it has one."""
    if session.picking.partition is not None:
        return session.picking.table()
    about = made_of(session.granularity.layer)
    table = None if about is None else about.extra.get("shown") or about.table
    if table is None:
        raise ParameterError("there are no superpixels yet: press Make superpixels first")
    return table


def _table(session: Session, path: Path, overwrite: bool) -> str:
    table = measurements(session)
    save_table(path, table, overwrite=overwrite)
    return f"{len(table['index'])} rows written to {path.name}."


FORMATS: dict[str, Format] = {
    "table": Format("Table (CSV)", ".csv", _table),
}


def export(session: Session, key: str, path: Path, *, overwrite: bool = False) -> str:
    """Write what is shown to a file; return a sentence."""
    return FORMATS[key].write(session, path, overwrite)

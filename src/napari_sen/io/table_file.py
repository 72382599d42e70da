"""Tables as CSV files."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..disk import atomic
from ..errors import OutputError

__all__ = ["save_table"]


def save_table(
    path: str | PathLike[str],
    table: Mapping[str, NDArray[np.generic]],
    *,
    overwrite: bool = False,
) -> None:
    """Write columns of one length to ``NAME.csv``, UTF-8, one row a superpixel.

    Raises
    ------
    OutputError
        If the name ends otherwise, the file exists, or cannot be written there.
    """
    path = Path(path)
    if path.suffix.lower() != ".csv":
        raise OutputError(f"cannot write {path}: its name has to end in .csv")
    if path.exists() and not overwrite:
        raise OutputError(
            f"{path} exists: choose another name, or pass overwrite=True (--overwrite)"
        )
    columns = [_texts(column) for column in table.values()]
    try:
        with (
            atomic(path, overwrite=overwrite) as partial,
            partial.open("w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(table)
            writer.writerows(zip(*columns, strict=True))
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; choose another") from error


def _texts(column: NDArray[np.generic]) -> list[str]:
    if column.dtype.kind == "f":
        return [f"{value:.7g}" for value in column.tolist()]
    return [str(value) for value in column.tolist()]

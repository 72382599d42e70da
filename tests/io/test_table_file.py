"""Tables of superpixels as CSV."""

import csv

import numpy as np
import pytest

from napari_sen.errors import OutputError
from napari_sen.io.table_file import save_table

TABLE = {
    "index": np.array([1, 2]),
    "area (µm²)": np.array([0.25, 1e6]),
    "class": np.array(["cup, handle", ""]),
}


def test_it_comes_back(tmp_path):
    path = tmp_path / "table.csv"
    save_table(path, TABLE)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["index"]) for row in rows] == [1, 2]
    assert [float(row["area (µm²)"]) for row in rows] == [0.25, 1e6]
    assert [row["class"] for row in rows] == ["cup, handle", ""]


def test_what_is_there_is_replaced_only_if_asked(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        save_table(path, TABLE)
    assert path.read_text() == "mine"
    save_table(path, TABLE, overwrite=True)
    assert path.read_text(encoding="utf-8").startswith("index,area (µm²),class")
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"]


def test_names_and_folders_that_cannot_be(tmp_path):
    with pytest.raises(OutputError, match=r"end in \.csv"):
        save_table(tmp_path / "table.xls", TABLE)
    with pytest.raises(OutputError, match="cannot write"):
        save_table(tmp_path / "missing" / "table.csv", TABLE)

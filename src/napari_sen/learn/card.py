"""The model card: the metadata of a model as Markdown, for people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..disk import check_plain

__all__ = ["card", "is_card"]

_SUBJECT = "Superpixel embedding network, trained without labels."


def is_card(path: Path) -> bool:
    """Return whether a file is a model card that :func:`card` made."""
    try:
        check_plain(path)
        with path.open(encoding="utf-8") as file:
            return _SUBJECT in file.read(1 << 16)
    except (OSError, UnicodeDecodeError):
        return False


def card(metadata: Mapping[str, Any]) -> str:
    """Return the model card of a model file's metadata."""
    network, training = metadata["network"], metadata.get("training", {})
    normalisation = metadata["normalisation"]
    lines = [
        f"# {metadata['name']}",
        "",
        _SUBJECT,
        "",
        f"- input: {network['planes']} planes",
        f"- mean of the planes: {_numbers(normalisation['mean'])}",
        f"- their standard deviation: {_numbers(normalisation['std'])}",
        f"- output: {network['dim']} numbers per pixel, of unit length",
        f"- written by napari-sen {metadata.get('package', '?')}",
        f"- weights: {metadata['precision']}, sha256 `{metadata['sha256']}`",
        "",
        "## Training data",
        "",
        *(_data_set(entry) for entry in metadata["data_sets"]),
        *([] if metadata["data_sets"] else ["not recorded"]),
        "",
        "## Figures",
        "",
        *(f"- {key}: {value}" for key, value in metadata["figures"].items()),
        *([] if metadata["figures"] else ["not measured"]),
        "",
        "## Parameters",
        "",
    ]
    for part, values in (
        ("network", network),
        ("mean_shift", metadata["mean_shift"]),
        *training.items(),
    ):
        if isinstance(values, Mapping):
            inner = ", ".join(f"{key} = {value}" for key, value in values.items())
            lines.append(f"- {part}: {inner}")
        else:
            lines.append(f"- {part}: {values}")
    return "\n".join(lines) + "\n"


def _numbers(values: list[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def _data_set(entry: Mapping[str, Any]) -> str:
    return "- " + ", ".join(f"{key}: {value}" for key, value in entry.items())

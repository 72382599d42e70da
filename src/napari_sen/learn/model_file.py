"""The model file: NAME.safetensors with JSON metadata, and a card, NAME.md, beside it.

The header's entry "napari-sen" is a JSON object: format, name, network, mean_shift,
normalisation (mean, std), training, data_sets, figures, package, precision, sha256. A file is
believed only after its size, metadata, tensor names, shapes, types, checksum and values have
been checked; each failure is a ModelError that names the field.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..disk import atomic, check_plain, refused
from ..errors import DiskError, ModelError, OutputError, ParameterError, said
from ..params import MeanShiftParams, NetworkParams, shown
from ..texts import parsed
from .card import card, is_card
from .learner import Learner

__all__ = ["FORMAT", "read_metadata", "read_model", "write_model"]

FORMAT = 1
HEADER_LIMIT = 4 << 20  # bytes; a real header has about 20 kB
FILE_LIMIT = 2 << 30  # bytes; the largest network that the parameters allow is smaller
TYPES = {"float32": torch.float32, "float16": torch.float16}
NOT_STORED = ("network.mean", "network.std")  # they are in the metadata
REMEDY = "get the file again or train a new model"


def stored_tensors(learner: Learner) -> dict[str, Tensor]:
    """Return the tensors of a model file by name."""
    return {
        name: value
        for name, value in learner.state_dict().items()
        if name not in NOT_STORED and not name.endswith("num_batches_tracked")
    }


def checksum(tensors: Mapping[str, Tensor]) -> str:
    """Return the sha256 (hex) of names, types, shapes and values, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def write_model(
    path: Path, learner: Learner, metadata: Mapping[str, Any], *, half: bool, overwrite: bool
) -> None:
    """Write the model file and its card; see :meth:`Model.save`."""
    if path.suffix != ".safetensors":
        raise OutputError(f"a model file is named NAME.safetensors, got {path.name!r}")
    if path.exists() and not overwrite:
        raise OutputError(
            f"{path} exists: choose another name, or pass overwrite=True (--overwrite)"
        )
    if not path.parent.is_dir():
        raise OutputError(f"the folder {path.parent} does not exist: make it first")
    _check_card(path.with_suffix(".md"))
    precision = "float16" if half else "float32"
    tensors = {
        name: value.detach().cpu().to(TYPES[precision]).contiguous()
        for name, value in stored_tensors(learner).items()
    }
    for name, value in tensors.items():
        if not torch.isfinite(value).all():
            raise OutputError(f"weight {name} has values that {precision} cannot hold")
    full = {**metadata, "precision": precision, "sha256": checksum(tensors)}
    try:
        with atomic(path, overwrite=True) as temporary:
            # Not save_file: its files are readable by their owner alone.
            temporary.write_bytes(save(tensors, metadata={"napari-sen": json.dumps(full)}))
        with atomic(path.with_suffix(".md"), overwrite=True) as temporary:
            temporary.write_text(card(full), encoding="utf-8")
    except OSError as error:
        raise DiskError(refused(path, error)) from error


def _check_card(path: Path) -> None:
    """Raise OutputError where the card's name is taken by a text that is none of ours."""
    if os.path.lexists(path) and not is_card(path):
        raise OutputError(f"{path} is not a model card: move it away, or choose another name")


def read_metadata(path: Path) -> dict[str, Any]:
    """Return the checked metadata of a model file, without its weights.

    Raises
    ------
    ModelError
        If the file is missing, damaged or of another format, or its metadata make no sense.
    """
    _check_header_size(path)
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("napari-sen")
    except DAMAGE as error:
        raise ModelError(f"{path} is damaged ({said(error)}): {REMEDY}") from error
    if text is None:
        raise ModelError(f"{path} has no metadata 'napari-sen': it is not a model of napari-sen")
    try:
        metadata = parsed(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: the metadata is not JSON ({said(error)}): {REMEDY}") from error
    if not isinstance(metadata, dict):
        raise ModelError(f"{path}: the metadata is not a JSON object: {REMEDY}")
    if metadata.get("format") != FORMAT:
        raise ModelError(
            f"{path}: format is {shown(metadata.get('format'))}, this version reads {FORMAT}: "
            "use the version of napari-sen that wrote it"
        )
    metadata["network"], metadata["mean_shift"] = (
        params.to_dict() for params in _parameters(path, metadata)
    )
    _normalisation(path, metadata)
    for key, kind in _KINDS.items():
        if not isinstance(metadata.get(key), kind):
            raise ModelError(f"{path}: {key} is missing or not {_JSON[kind]}: {REMEDY}")
    if metadata["precision"] not in TYPES:
        raise ModelError(f"{path}: precision is {shown(metadata['precision'])}: {REMEDY}")
    for entry in metadata["data_sets"]:
        if not (isinstance(entry, dict) and isinstance(entry.get("name", ""), str)):
            raise ModelError(
                f"{path}: data_sets holds {shown(entry)}, not a named object: {REMEDY}"
            )
    return metadata


# What the metadata hold beside the parameters.
_KINDS: dict[str, type] = {"name": str, "sha256": str, "precision": str, "package": str,
                           "data_sets": list, "figures": dict, "training": dict}  # fmt: skip
_JSON: dict[type, str] = {str: "a text", list: "a list", dict: "an object"}
# What safetensors and torch raise on damaged files: they promise no common class.
DAMAGE = (OSError, SafetensorError, ValueError, TypeError, KeyError, AttributeError, RuntimeError,
          OverflowError, MemoryError)  # fmt: skip


def read_model(path: Path) -> tuple[Learner, dict[str, Any]]:
    """Return network and mean shift (float32, CPU, inference mode) and the metadata.

    Raises
    ------
    ModelError
        As :func:`read_metadata`; or the weights do not fit the architecture, are not finite,
        or are not those of the checksum.
    """
    metadata = read_metadata(path)
    network, mean_shift = _parameters(path, metadata)
    with torch.device("meta"):  # shapes only: nothing is allocated before they are checked
        wanted = stored_tensors(Learner(network, mean_shift))
    tensors = _read_tensors(path, wanted, TYPES[metadata["precision"]])
    if checksum(tensors) != metadata["sha256"]:
        raise ModelError(
            f"{path}: sha256 is not that of the weights, the file was changed: {REMEDY}"
        )
    for name, value in tensors.items():
        if not torch.isfinite(value).all():
            raise ModelError(f"{path}: weight {name} is not finite: {REMEDY}")
        if name.endswith("running_var") and bool((value < 0).any()):
            raise ModelError(f"{path}: weight {name} is negative: {REMEDY}")
    learner = Learner(network, mean_shift)
    learner.load_state_dict({k: v.float() for k, v in tensors.items()}, strict=False)
    mean, std = _normalisation(path, metadata)
    learner.network.mean.copy_(torch.tensor(mean))
    learner.network.std.copy_(torch.tensor(std))
    return learner.eval().requires_grad_(False), metadata


def _check_header_size(path: Path) -> None:
    """Refuse files whose own sizes are absurd, before anything parses them."""
    try:
        check_plain(path)
        size = path.stat().st_size
        with open(path, "rb") as file:
            start = file.read(8)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(start) < 8:
        raise ModelError(f"{path} is damaged (only {size} bytes): {REMEDY}")
    (header,) = struct.unpack("<Q", start)
    if header > min(HEADER_LIMIT, size) or size > FILE_LIMIT:
        raise ModelError(
            f"{path} is not a model file (header of {header} in {size} bytes): {REMEDY}"
        )


def _parameters(path: Path, metadata: Mapping[str, Any]) -> tuple[NetworkParams, MeanShiftParams]:
    """Return the architecture's parameters, which check their own ranges."""
    found = []
    for key, kind in (("network", NetworkParams), ("mean_shift", MeanShiftParams)):
        values = metadata.get(key)
        if not isinstance(values, dict):
            raise ModelError(f"{path}: {key} is missing or not an object: {REMEDY}")
        try:
            found.append(kind.from_dict(values))
        except (ParameterError, TypeError) as error:
            raise ModelError(f"{path}: {key}: {said(error)}: {REMEDY}") from error
    return found[0], found[1]  # type: ignore[return-value]


def _normalisation(path: Path, metadata: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """Return mean and std of the input planes."""
    planes = metadata["network"]["planes"]
    found = metadata.get("normalisation")
    for key in ("mean", "std"):
        values = found.get(key) if isinstance(found, dict) else None
        good = isinstance(values, list) and len(values) == planes
        good = good and all(type(v) in (int, float) and abs(v) < 1e6 for v in values or ())
        if not good or (key == "std" and min(values or [0]) <= 0):
            raise ModelError(
                f"{path}: normalisation {key} must be {planes} numbers, got {shown(values)}: "
                f"{REMEDY}"
            )
    assert isinstance(found, dict)
    return found["mean"], found["std"]


def _read_tensors(path: Path, wanted: Mapping[str, Tensor], kind: torch.dtype) -> dict[str, Tensor]:
    """Return the file's tensors once names, shapes and types are those of the architecture."""
    try:
        with safe_open(path, framework="pt") as file:
            names = set(file.keys())
            for name in sorted(names ^ set(wanted)):
                state = "is missing" if name in wanted else "does not belong to the architecture"
                raise ModelError(f"{path}: weight {name} {state}: {REMEDY}")
            for name, like in wanted.items():
                shape = list(file.get_slice(name).get_shape())
                if shape != list(like.shape):
                    raise ModelError(
                        f"{path}: weight {name} has shape {shape}, the architecture needs "
                        f"{list(like.shape)}: {REMEDY}"
                    )
            tensors = {name: file.get_tensor(name) for name in wanted}
    except ModelError:
        raise
    except DAMAGE as error:
        raise ModelError(f"{path} is damaged ({said(error)}): {REMEDY}") from error
    for name, value in tensors.items():
        if value.dtype != kind:
            raise ModelError(f"{path}: weight {name} is {value.dtype}, not {kind}: {REMEDY}")
    return tensors

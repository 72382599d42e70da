"""The state of a training on disk: one safetensors file, replaced as a whole, and a log.

A checkpoint folder holds ``state.safetensors`` (weights, their average, the optimiser's
moments; the step and all parameters as JSON in its header), ``log.jsonl`` (one line per step)
and, unless told otherwise, the prepared images in ``images/``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..disk import atomic, check_plain, open_inside, read_plain
from ..errors import DataError, OutputError, said
from ..params import shown
from .model_file import DAMAGE, checksum

__all__ = ["Checkpoint"]

FORMAT = 2
LARGEST_LOG = 1 << 30  # bytes
HARMLESS = {"checkpoint_every", "validate_every"}  # may differ when a training goes on


class Checkpoint:
    """A training's folder.

    Parameters
    ----------
    folder : path
        Made if missing.
    settings : mapping
        All that decides the weights; a checkpoint of other settings is refused.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        self.settings = json.loads(json.dumps(settings))
        self.state = folder / "state.safetensors"
        self.log = folder / "log.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write checkpoints to {folder}: {error}") from error

    def begin(self) -> None:
        """Start a new training: there must be none here yet."""
        if self.state.exists():
            raise OutputError(
                f"{self.folder} holds a training already: resume it, or choose another folder"
            )
        if self.log.exists() and not _is_log(self.log):
            raise OutputError(
                f"{self.log} is not the log of a training: move it away, or choose another folder"
            )
        with atomic(self.log, overwrite=True) as temporary:
            temporary.write_text("", encoding="utf-8")

    def save(self, step: int, tensors: Mapping[str, Tensor]) -> None:
        """Replace the state by that after ``step`` steps."""
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        header = {"format": FORMAT, "step": step, "settings": self.settings}
        header["sha256"] = _digest(header, plain)
        with atomic(self.state, overwrite=True) as temporary:
            save_file(plain, temporary, metadata={"napari-sen": json.dumps(header)})

    def load(self) -> tuple[int, dict[str, Tensor]]:
        """Return the number of steps done and the tensors of the state."""
        if not self.state.exists():
            raise DataError(f"{self.state} does not exist: start the training without resume")
        try:
            check_plain(self.state)
            with safe_open(self.state, framework="pt") as file:
                header = json.loads((file.metadata() or {})["napari-sen"])
                if header["format"] != FORMAT:
                    raise DataError(
                        f"{self.state} has format {shown(header['format'])}, this version reads "
                        f"{FORMAT}: start a new training"
                    )
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            found = header.pop("sha256")
            if found != _digest(header, tensors):
                raise ValueError("its checksum does not match")
        except DataError:
            raise
        except (*DAMAGE, RecursionError) as error:
            raise DataError(
                f"{self.state} is damaged ({said(error)}): start a new training"
            ) from error
        self._check(header["settings"])
        self._cut_log(header["step"])
        return header["step"], tensors

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a line to the log."""
        with open_inside(self.log, "ab") as file:
            file.write((json.dumps(record) + "\n").encode())

    def _check(self, found: Mapping[str, Any]) -> None:
        """Raise DataError if the checkpoint's settings are not those of this training."""
        for part in sorted({*self.settings, *found}):
            ours, theirs = self.settings.get(part), found.get(part)
            if not (isinstance(ours, dict) and isinstance(theirs, dict)):
                ours, theirs = {part: ours}, {part: theirs}
            for key in sorted({*ours, *theirs} - HARMLESS):
                if ours.get(key) != theirs.get(key):
                    raise DataError(
                        f"{self.state} was made with {key} = {theirs.get(key)!r}, now it is "
                        f"{ours.get(key)!r}: resume with the old value or start a new training"
                    )

    def _cut_log(self, step: int) -> None:
        """Drop the log's lines of steps that will be made again."""
        lines = []
        if self.log.exists():
            try:
                lines = read_plain(self.log, LARGEST_LOG).decode().splitlines()
            except (OSError, ValueError) as error:
                raise DataError(
                    f"{self.log} is damaged ({said(error)}): move it away, then resume"
                ) from error
        with atomic(self.log, overwrite=True) as temporary:
            temporary.write_text("".join(line + "\n" for line in lines[:step]), encoding="utf-8")


def _is_log(path: Path) -> bool:
    """Return whether a file is empty or begins with the record of a step."""
    try:
        check_plain(path)
        with path.open(encoding="utf-8") as file:
            first = file.readline(1 << 16)
        return not first or "step" in json.loads(first)
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def _digest(header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """Return a checksum of a state: of its header and its tensors."""
    text = json.dumps(header, sort_keys=True) + checksum(tensors)
    return hashlib.sha256(text.encode()).hexdigest()


def optimiser_tensors(
    optimiser: torch.optim.Optimizer, names: Mapping[torch.nn.Parameter, str]
) -> dict[str, Tensor]:
    """Return the optimiser's moments, named after the weights."""
    return {
        f"optimiser.{name}.{key}": value
        for weight, name in names.items()
        for key, value in optimiser.state[weight].items()
    }


def restore_optimiser(
    optimiser: torch.optim.Optimizer,
    names: Mapping[torch.nn.Parameter, str],
    tensors: Mapping[str, Tensor],
) -> None:
    """Put moments named by :func:`optimiser_tensors` back, in the memory layout of the weights."""
    for weight, name in names.items():
        prefix = f"optimiser.{name}."
        state = {key.removeprefix(prefix): tensor for key, tensor in tensors.items()
                 if key.startswith(prefix)}  # fmt: skip
        for key, tensor in state.items():
            if tensor.shape == weight.shape and key != "step":
                tensor = torch.empty_like(weight).copy_(tensor)
            optimiser.state[weight][key] = tensor.to(weight.device)

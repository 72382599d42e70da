"""A trained model: embedding of images, and its place on disk.

The embedding of an image on the CPU is the same on every run; torch fixes no order of
additions across numbers of threads, so between those it agrees to float rounding.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import DeviceMemoryError, ImageError
from ..progress import Progress, report
from .device import full_float32, resolve_device
from .learner import Learner
from .mean_shift import BLOCK, MeanShift, landmark_indices
from .model_file import FORMAT, checksum, read_model, stored_tensors, write_model
from .network import SENet, fold_batch_norm, receptive_field_radius, within_float16
from .registry import ModelInfo, find_model, models, user_folder
from .threads import few_threads

__all__ = [
    "Model",
    "ModelInfo",
    "describe",
    "load_model",
    "models",
    "resolve_device",
    "user_folder",
]

log = logging.getLogger("napari_sen")


def describe(
    name: str,
    learner: Learner,
    training: Mapping[str, Any],
    data_sets: Sequence[Mapping[str, Any]],
    n_images: int,
) -> dict[str, Any]:
    """Return the metadata of a model just trained; ``figures`` are added once measured."""
    training = {k: v for k, v in training.items() if k not in ("network", "mean_shift")}
    return {
        "format": FORMAT,
        "name": name,
        "network": learner.network.params.to_dict(),
        "mean_shift": learner.mean_shift.params.to_dict(),
        "normalisation": {
            "mean": learner.network.mean.tolist(),
            "std": learner.network.std.tolist(),
        },
        "training": {**training, "images": n_images},
        "data_sets": [dict(entry) for entry in data_sets],
        "figures": {},
        "package": version("napari-sen"),
    }


class Model:
    """Network, mean shift and what is known about them.

    Attributes
    ----------
    network : SENet
    mean_shift : MeanShift
    metadata : dict
        See :mod:`napari_sen.learn.model_file`; JSON values only.
    """

    def __init__(self, network: SENet, mean_shift: MeanShift, metadata: dict[str, Any]) -> None:
        self.network = network.eval()
        self.mean_shift = mean_shift.eval()
        self.metadata = metadata
        self._ready: dict[torch.device, tuple[SENet, MeanShift]] = {}

    def __repr__(self) -> str:
        return f"<Model {self.name!r}: {self.planes} planes to {self.dim} numbers per pixel>"

    @property
    def name(self) -> str:
        """Name of the model."""
        return str(self.metadata["name"])

    @property
    def planes(self) -> int:
        """Number of input planes."""
        return self.network.params.planes

    @property
    def dim(self) -> int:
        """Length D of a pixel's embedding."""
        return self.network.params.dim

    @property
    def sha256(self) -> str:
        """Checksum (hex) of the weights, as they are computed with."""
        return checksum(stored_tensors(self._learner()))

    @property
    def kappa(self) -> float:
        """The learnt bandwidth of the mean shift."""
        return self.mean_shift.kappa.item()

    @property
    def mean_shift_trained(self) -> bool:
        """Whether the bandwidth was learnt; else clustered embeddings are of little use."""
        return bool(self.metadata.get("training", {}).get("mean_shift_trained", True))

    @property
    def receptive_field(self) -> int:
        """Radius, px, beyond which the image has no influence on a pixel's raw embedding."""
        return receptive_field_radius(self.network.params)

    def save(self, path: str | Path, *, half: bool = False, overwrite: bool = False) -> Path:
        """Write the model to NAME.safetensors and its card to NAME.md beside it.

        Parameters
        ----------
        path : path
            Must end in ``.safetensors``; the folder must exist.
        half : bool
            Store the weights as float16, half the size; they are always computed as float32.
        overwrite : bool
            Replace an existing file.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        OutputError
            The file exists or cannot be written there.
        """
        learner = self._learner()
        if half:
            learner.network = within_float16(learner.network)
        write_model(Path(path), learner, self.metadata, half=half, overwrite=overwrite)
        return Path(path)

    def _learner(self) -> Learner:
        """Return both parts under the names that their weights have on disk."""
        learner = Learner(self.network.params, self.mean_shift.params)
        learner.network, learner.mean_shift = self.network, self.mean_shift
        return learner

    def embed(
        self,
        planes: np.ndarray,
        *,
        clustered: bool = False,
        device: str = "cpu",
        progress: Progress | None = None,
    ) -> np.ndarray:
        """Return the embedding of an image, (H, W, D) float32 with rows of unit length.

        The whole image is held in memory: about 0.6 kB per pixel at the default width. Larger
        images go in tiles (:mod:`napari_sen.tiles`).

        Parameters
        ----------
        planes : (H, W, P) array
            Finite, nominally 0..1, before the model's own normalisation; any size from 1 x 1.
        clustered : bool
            Apply the mean shift, with landmarks on a fixed lattice of the image.
        device : str
            See :func:`resolve_device`.
        progress : callable, optional
            Called before every convolution and every block of pixels.

        Raises
        ------
        ImageError
            The planes are not the model's, or not finite.
        DeviceError
            The device is not there.
        DeviceMemoryError
            The device's memory does not hold the image.
        """
        planes = np.asarray(planes, np.float32)
        if planes.ndim != 3 or planes.shape[2] != self.planes or planes.size == 0:
            raise ImageError(
                f"model {self.name!r} takes (H, W, {self.planes}) planes, got {planes.shape}"
            )
        if not np.isfinite(planes).all():
            raise ImageError("the image holds NaN or infinite values: replace or mask them")
        target = resolve_device(device)
        network, mean_shift = self._on(target)
        height, width = planes.shape[:2]
        total = network.n_polls(height, width)
        if clustered:
            total += -(-height * width // BLOCK)
        poll = _counter(progress, total, "embedding")
        try:
            with torch.inference_mode(), few_threads(), full_float32(target):
                image = torch.tensor(np.ascontiguousarray(planes)).to(target)
                found = network(image.permute(2, 0, 1)[None], poll)[0].permute(1, 2, 0)
                if clustered:
                    rows = found.reshape(-1, self.dim)
                    lattice = landmark_indices(height, width, mean_shift.params.landmarks)
                    keys = rows[torch.from_numpy(lattice).to(target)]
                    series = mean_shift.landmark_series(keys)
                    found = mean_shift.apply_series(rows, series, poll).view(found.shape)
                result: np.ndarray = found.contiguous().cpu().numpy()
        except torch.OutOfMemoryError as error:
            raise DeviceMemoryError(
                f"{target} has too little memory for {height} x {width} px: use the CPU or tiles"
            ) from error
        report(progress, total, total, "embedding")
        return result

    def landmark_series(self, landmarks: np.ndarray, *, device: str = "cpu") -> np.ndarray:
        """Return Y_0 ... Y_(T-1), (T, L, D) float32, of landmark embeddings (L, D).

        Computed once for a whole image, it lets :meth:`shift` treat any part of it.
        """
        target = resolve_device(device)
        with torch.inference_mode():
            keys = torch.tensor(np.asarray(landmarks, np.float32)).to(target)
            series: np.ndarray = self._on(target)[1].landmark_series(keys).cpu().numpy()
        return series

    def shift(
        self,
        embedding: np.ndarray,
        series: np.ndarray,
        *,
        device: str = "cpu",
        progress: Progress | None = None,
    ) -> np.ndarray:
        """Return raw embeddings (..., D) after the mean shift under :meth:`landmark_series`."""
        target = resolve_device(device)
        with torch.inference_mode(), few_threads():
            rows = torch.tensor(np.asarray(embedding, np.float32)).to(target)
            flat = rows.reshape(-1, rows.shape[-1])
            poll = _counter(progress, -(-len(flat) // BLOCK), "mean shift")
            keys = torch.tensor(np.asarray(series, np.float32)).to(target)
            shifted = self._on(target)[1].apply_series(flat, keys, poll)
            result: np.ndarray = shifted.view(rows.shape).cpu().numpy()
        return result

    def _on(self, device: torch.device) -> tuple[SENet, MeanShift]:
        """Return network (batch norms folded) and mean shift, ready on a device."""
        if device not in self._ready:
            self._ready[device] = (
                fold_batch_norm(self.network).to(device),
                copy.deepcopy(self.mean_shift).to(device),
            )
        return self._ready[device]


def _counter(progress: Progress | None, total: int, stage: str) -> Callable[[], None]:
    """Return a poll that reports one more step done at each call."""
    done = 0

    def poll() -> None:
        nonlocal done
        report(progress, done, total, stage)
        done += 1

    return poll


def load_model(name_or_path: str | PathLike[str]) -> Model:
    """Load a model by name (yours first, then the bundled ones) or from a file.

    Raises
    ------
    ModelError
        The name is unknown, or the file is missing, damaged or of another version.
    """
    path = find_model(name_or_path)
    log.debug("model: %s", path)
    learner, metadata = read_model(path)
    return Model(learner.network, learner.mean_shift, metadata)

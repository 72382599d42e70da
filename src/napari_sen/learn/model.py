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
    """A trained network with its mean shift, and what is known about them.

    :func:`napari_sen.load_model` and :func:`napari_sen.train` return models.

    Attributes
    ----------
    network : SENet
        The network, a ``torch.nn.Module``.
    mean_shift : MeanShift
        The mean shift on its embeddings, a ``torch.nn.Module`` too.
    metadata : dict
        JSON values only: parameters, data sets, licences and figures, as the model's card shows
        them.
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
        """The name of the model."""
        return str(self.metadata["name"])

    @property
    def planes(self) -> int:
        """The number of input planes."""
        return self.network.params.planes

    @property
    def dim(self) -> int:
        """The length D of a pixel's embedding."""
        return self.network.params.dim

    @property
    def sha256(self) -> str:
        """The SHA-256 checksum of the weights in use, in hexadecimal."""
        return checksum(stored_tensors(self._learner()))

    @property
    def kappa(self) -> float:
        """The learnt bandwidth of the mean shift."""
        return self.mean_shift.kappa.item()

    @property
    def mean_shift_trained(self) -> bool:
        """Whether the bandwidth was learnt; if not, clustered embeddings are of little use."""
        return bool(self.metadata.get("training", {}).get("mean_shift_trained", True))

    @property
    def receptive_field(self) -> int:
        """The radius in pixels beyond which the image cannot change a pixel's raw embedding."""
        return receptive_field_radius(self.network.params)

    def save(self, path: str | Path, *, half: bool = False, overwrite: bool = False) -> Path:
        """Write the model to ``NAME.safetensors``, and its card to ``NAME.md`` beside it.

        Parameters
        ----------
        path : path
            Must end in ``.safetensors``; the folder must exist.
        half : bool
            Store the weights as float16, in half the space; the model computes in float32 anyway.
        overwrite : bool
            Replace an existing file.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        OutputError
            If the file exists or cannot be written there.
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
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the embedding of planes that are ready for the network.

        :func:`napari_sen.embed` takes images of any kind, and works on large ones in tiles. Here
        all is held in memory, which takes about 0.6 kB per pixel at the default width.

        Parameters
        ----------
        planes : (H, W, P) array
            Finite values, nominally 0...1, before the model's own normalisation; any size from
            1 x 1. P is the number of ``planes``.
        clustered : bool
            Apply the mean shift, with landmarks on a fixed lattice of the image.
        device : str
            Where to compute: "cpu", "cuda", "cuda:1", "mps", or "auto" (CUDA where there is one).
        progress : callable, optional
            Called as ``progress(done, total, "embedding")`` before every convolution and every
            block of pixels.
        out : (H, W, D) float32 array, optional
            Written to and returned; may be a part of a larger array.

        Returns
        -------
        (H, W, D) float32 array
            A vector of length 1 for each pixel.

        Raises
        ------
        ImageError
            If the planes do not fit the model, or are not finite.
        DeviceError
            If the device is not there.
        DeviceMemoryError
            If the image does not fit in the device's memory.
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
                image = torch.from_numpy(np.array(planes.transpose(2, 0, 1), order="C"))
                direct = None
                if out is not None and target.type == "cpu" and not clustered:
                    direct = torch.from_numpy(out)[None]
                found = network(image.to(target)[None], poll, direct)[0].permute(1, 2, 0)
                if clustered:
                    rows = found.reshape(-1, self.dim)
                    lattice = landmark_indices(height, width, mean_shift.params.landmarks)
                    keys = rows[torch.from_numpy(lattice).to(target)]
                    series = mean_shift.landmark_series(keys)
                    found = mean_shift.apply_series(rows, series, poll).view(found.shape)
                if out is None:
                    out = found.cpu().numpy()
                elif direct is None:
                    out[...] = found.cpu().numpy()
        except torch.OutOfMemoryError as error:
            raise DeviceMemoryError(
                f"{target} has too little memory for {height} x {width} px: use the CPU or tiles"
            ) from error
        report(progress, total, total, "embedding")
        return out

    def landmark_series(self, landmarks: np.ndarray, *, device: str = "cpu") -> np.ndarray:
        """Return where landmarks lie in each of the T iterations of the mean shift.

        Compute this once for a whole image; :meth:`shift` can then treat any part of it.

        Parameters
        ----------
        landmarks : (L, D) array
            Raw embeddings of the landmarks.
        device : str
            As for :meth:`embed`.

        Returns
        -------
        (T, L, D) float32 array
            Their places before each iteration: Y_0, ..., Y_(T-1).
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
        """Return embeddings after the mean shift.

        Parameters
        ----------
        embedding : (..., D) array
            Raw embeddings.
        series : (T, L, D) array
            What :meth:`landmark_series` returned for the image.
        device : str
            As for :meth:`embed`.
        progress : callable, optional
            Called as ``progress(done, total, "mean shift")`` before every block of pixels.

        Returns
        -------
        (..., D) float32 array
            A vector of length 1 for each pixel.
        """
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
    """Load a model by its name or from a file.

    Parameters
    ----------
    name_or_path : str or path
        A name, which is looked up among your own models first and then among the bundled ones,
        or the path of a ``.safetensors`` file.

    Returns
    -------
    Model
        Pass it to any function as ``model=``.

    Raises
    ------
    ModelError
        If the name is unknown, or the file is missing, damaged or of another version.

    Examples
    --------
    >>> from napari_sen import load_model
    >>> load_model("natural")
    <Model 'natural': 3 planes to 16 numbers per pixel>
    """
    path = find_model(name_or_path)
    log.debug("model: %s", path)
    learner, metadata = read_model(path)
    return Model(learner.network, learner.mean_shift, metadata)

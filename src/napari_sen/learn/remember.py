"""A model that remembers the embeddings of the images it saw last."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

import numpy as np

from ..progress import Progress
from .device import resolve_device
from .model import Model

__all__ = ["RememberingModel"]


class RememberingModel(Model):
    """Gives the embedding of an image that it has seen lately without computing it again.

    Parameters
    ----------
    model : Model
        The model; its weights are shared.
    limit : int
        Bytes of embeddings kept, the latest ones; one larger than that is not kept.
    """

    def __init__(self, model: Model, limit: int) -> None:
        super().__init__(model.network, model.mean_shift, model.metadata)
        self.limit = limit
        self._kept: OrderedDict[tuple[str, bool, str], np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def embed(
        self,
        planes: np.ndarray,
        *,
        clustered: bool = False,
        device: str = "cpu",
        progress: Progress | None = None,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the embedding as :meth:`Model.embed` does; unless ``out``, it is read-only."""
        found = self._remembered(planes, clustered, device, progress)
        if out is None:
            return found
        out[...] = found
        return out

    def _remembered(
        self, planes: np.ndarray, clustered: bool, device: str, progress: Progress | None
    ) -> np.ndarray:
        planes = np.ascontiguousarray(planes, np.float32)
        digest = hashlib.blake2b(repr(planes.shape).encode(), digest_size=16)
        digest.update(planes.data)
        key = (digest.hexdigest(), clustered, str(resolve_device(device)))
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = super().embed(planes, clustered=clustered, device=device, progress=progress)
        found.flags.writeable = False
        with self._lock:
            self._kept[key] = found
            while sum(kept.nbytes for kept in self._kept.values()) > self.limit:
                self._kept.popitem(last=False)
        return found

    def forget(self) -> None:
        """Let go of all embeddings."""
        with self._lock:
            self._kept.clear()

"""The models in use, loaded once, with the embeddings they gave last. Imports torch when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .layer_image import LayerImage

if TYPE_CHECKING:
    from ...learn.remember import RememberingModel

__all__ = ["ModelShelf"]

MEGABYTE = 1_000_000


class ModelShelf:
    """Loads models by name and keeps them.

    Attributes
    ----------
    limit : int
        Megabytes of embeddings that each model remembers, so that a second step on the same image
        need not run the network again.
    """

    def __init__(self) -> None:
        self.limit = 1000
        self._models: dict[str, tuple[tuple[str, int], RememberingModel]] = {}

    def get(self, name: str | None, source: LayerImage) -> RememberingModel | None:
        """Return a model by its name, "auto" for the one that suits the image; None for None.

        Raises
        ------
        ModelError
            If there is none of this name.
        """
        if name is None:
            return None
        from ...learn.model import Model
        from ...learn.registry import find_model
        from ...learn.remember import RememberingModel
        from ...pipeline.model_choice import choose_model

        kind = source.kind
        path = find_model(kind if name == "auto" else name)
        stamp = (str(path), path.stat().st_mtime_ns)
        known = self._models.get(str(path))
        if known is None or known[0] != stamp:
            model = choose_model(path if name != "auto" else name, kind=kind)
            assert isinstance(model, Model)
            known = self._models[str(path)] = (stamp, RememberingModel(model, 0))
        known[1].limit = self.limit * MEGABYTE
        return known[1]

    def forget(self) -> None:
        """Let go of all models and embeddings."""
        self._models.clear()

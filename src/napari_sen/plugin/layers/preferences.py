"""The plugin's preferences, declared in napari.yaml and edited in napari's Preferences dialog."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Preferences", "preferences"]


@dataclass(frozen=True)
class Preferences:
    """What a person can set once and for all.

    Attributes
    ----------
    remember : bool
        Whether forms keep their values between runs of napari.
    memory : int
        Megabytes of embeddings that each model keeps, so that they need not be computed again.
    """

    remember: bool = True
    memory: int = 1000


def preferences() -> Preferences:
    """Return the preferences as they are now."""
    from napari.settings import get_plugin_settings

    now = get_plugin_settings("napari-sen").dock
    return Preferences(bool(now.remember), int(now.memory))

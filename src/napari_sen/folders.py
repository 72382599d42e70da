"""Where a user's own files lie: models, results and annotations; and what the forms said last.

``XDG_DATA_HOME`` and ``XDG_CONFIG_HOME`` name other places on every system, Windows included.
"""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_config_path, user_data_path

__all__ = ["user_config", "user_data"]

_NAME = "napari-sen"


def user_data() -> Path:
    """Return the folder of models, results and annotations; it need not exist."""
    return _given("XDG_DATA_HOME") or user_data_path(_NAME, appauthor=False)


def user_config() -> Path:
    """Return the folder of what the forms said last; it need not exist."""
    return _given("XDG_CONFIG_HOME") or user_config_path(_NAME, appauthor=False)


def _given(variable: str) -> Path | None:
    """Return the folder below the one that a variable names, None where it names none."""
    home = os.environ.get(variable, "")
    return Path(home, _NAME) if os.path.isabs(home) else None

"""What the forms said the last time, kept in a JSON file; no Qt in here."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from ...disk import atomic, remove_file
from ...errors import SenError
from ...folders import user_config
from ..state.choices import TRAIN_ON
from .session import Session
from .steps import kinds

__all__ = ["forget", "keep", "recall"]

log = logging.getLogger("napari_sen")

CHOICES = ("model", "device", "new_model", "train_on", "train_folder", "start_model")
SIZES = ("size", "n_segments")
LARGEST = 1_000_000


def _path() -> Path:
    return user_config() / "forms.json"


def keep(session: Session) -> None:
    """Write the session's parameters and choices; what cannot be written is logged."""
    content: dict[str, Any] = {kind.__name__: session.params[kind].to_dict() for kind in kinds()}
    content["choices"] = {name: getattr(session, name) for name in CHOICES}
    path = _path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path, overwrite=True) as partial:
            partial.write_text(json.dumps(content), encoding="utf-8")
    except OSError as error:
        log.warning("the forms are not remembered: cannot write %s (%s)", path, error.strerror)


def recall(session: Session) -> None:
    """Take over what was kept, part by part; what is not legal (any longer) is left out."""
    path = _path()
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return
    if not isinstance(content, dict):
        return
    for kind in kinds():
        values = content.get(kind.__name__)
        if isinstance(values, dict):
            try:
                # Sizes are those of the image that they were meant for.
                session.set(kind.from_dict({k: v for k, v in values.items() if k not in SIZES}))
            except (SenError, TypeError):
                log.info("%s in %s are not legal: defaults are used", kind.__name__, path)
    choices = content.get("choices")
    if not isinstance(choices, dict):
        return
    for name in CHOICES:
        value = choices.get(name)
        may_be_none = name in ("model", "start_model")
        if isinstance(value, str) or (value is None and may_be_none and name in choices):
            setattr(session, name, value)
    if session.train_on not in TRAIN_ON:
        session.train_on = "image"


def forget() -> None:
    """Delete what was kept."""
    remove_file(_path())

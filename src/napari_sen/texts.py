"""Texts that came from elsewhere: whether they can be written again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

__all__ = ["is_writable", "parsed"]


def is_writable(text: str) -> bool:
    """Return whether a file can hold a text.

    JSON can name half of a surrogate pair: an incomplete character, which no file can hold.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def parsed(text: str | bytes, constant: Callable[[str], Any] | None = None) -> Any:
    """Return the values of JSON; ValueError also where a text in it cannot be written again."""
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text))
    found = json.loads(text, parse_constant=constant)
    # Half a character can only come from an escape then, which is rare: values are large.
    if "\\ud" in text.lower() and not is_writable(json.dumps(found, ensure_ascii=False)):
        raise ValueError("it holds an incomplete character")
    return found

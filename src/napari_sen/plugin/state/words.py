"""Messages in words of the window: the rooms below speak of arguments and options."""

from __future__ import annotations

import re

__all__ = ["in_words"]

_TICK = "tick 'Overwrite what is there'"
_WORDS = (
    (
        r"n_segments is (\S+), but a slice has only (\d+) pixels: ask for fewer superpixels",
        r"there cannot be \1 superpixels, for the image has only \2 pixels: ask for fewer",
    ),
    (
        r"image has NaN or infinite values at (\d+) pixels, the first at (\([^)]*\)).*",
        r"pixels without a value (NaN or infinite): \1, the first at \2; leave them out",
    ),
    (r"an embedding needs a model: .*", "an embedding needs a model: choose one, or auto"),
    (r"; or give the path of a \.safetensors file", "; or train one"),
    (r"give the same parameters, or ", "choose the same settings, or "),
    (r"give out=NAME\.zarr .* to work in tiles", "work in tiles (Large images)"),
    (r"use method='snic'", "make flat superpixels"),
    (r"cut out a part of the image|cut out a part", "choose a region"),
    (r"(pass |with )?overwrite=True", _TICK),
    (r"pass resume=True", "press the button"),
    (r"\S*[/\\]([^\s/\\]+\.zarr)(\.partial)?", r"\1"),  # stores by their names
    (r" \((out=|-o |-{2}|size=)[^)]*\)", ""),
)


def in_words(message: str) -> str:
    """Return a message without names of arguments and options."""
    for pattern, words in _WORDS:
        message = re.sub(pattern, words, message)
    return message

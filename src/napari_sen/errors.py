"""Errors of the package: what was wrong, where, and what to do about it.

Every error that input can cause is a :class:`SenError`: the API raises it, the command line
prints it as one line (exit code 2, or 1 where the work itself failed), and the plugin shows it as
a notification. None of them derives from ``RuntimeError``, which napari's worker threads swallow.
"""

from __future__ import annotations

__all__ = [
    "Cancelled",
    "DataError",
    "DeviceError",
    "DeviceMemoryError",
    "DiskError",
    "ImageError",
    "MissingPackageError",
    "ModelError",
    "OutputError",
    "ParameterError",
    "SenError",
    "WorkError",
    "said",
]

_LONGEST = 300  # characters of another library's words


def said(error: BaseException) -> str:
    """Return what an error says, on one line and not too long."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


class SenError(ValueError):
    """The base of all errors that input can cause; the message is one sentence with the remedy."""


class ParameterError(SenError):
    """A parameter is out of range, of the wrong type, or contradicts another one."""


class ImageError(SenError):
    """An image, mask or label map cannot be used as it is."""


class ModelError(SenError):
    """A model is unknown, damaged, of another version, or does not fit the image."""


class DataError(SenError):
    """A data set is too small, or its parts do not match."""


class MissingPackageError(SenError, ImportError):
    """A package that only some of the functions need is not installed."""


class OutputError(SenError):
    """A result cannot be written to the place asked for."""


class DeviceError(SenError):
    """The device asked for does not exist on this machine."""


class WorkError(SenError):
    """The input was legal, but the work failed: for example, a training diverged."""


class DiskError(OutputError, WorkError):
    """A result could not be written after it was made: the disk is full or gone."""


class DeviceMemoryError(WorkError):
    """The work does not fit in the device's memory."""


class Cancelled(Exception):
    """Raise this in a progress callable to stop the work.

    Nothing is left behind, except that a run into a store and a training with a checkpoint keep
    their finished part, to be resumed.
    """

"""How the ways in which a JSON file cannot be read are told, in one sentence each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike

from ..errors import SenError

__all__ = ["told"]


@contextmanager
def told(
    what: str,
    path: str | PathLike[str],
    error: type[SenError],
    *,
    ours: type[SenError] = SenError,
    damaged: str = "it is damaged ({})",
) -> Iterator[None]:
    """Tell of what fails while a file is read.

    Parameters
    ----------
    what : str
        The file, as in "the recipe".
    path : path
    error : type
        What is raised.
    ours : type
        Errors whose sentence is kept, behind the name of the file.
    damaged : str
        What is said of anything else; the braces stand for the kind of error.
    """
    begin = f"cannot read {what} {path}: "
    try:
        yield
    except FileNotFoundError as cause:
        raise error(f"{begin}there is no such file") from cause
    except ours as cause:
        raise error(f"{begin}{cause}") from cause
    except OSError as cause:
        raise error(f"{begin}{cause.strerror}") from cause
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as cause:
        raise error(begin + damaged.format(type(cause).__name__)) from cause

"""Standard streams that may be closed, full, a pipe that has ended, or of a small alphabet.

What a command makes does not depend on whether somebody listens.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

__all__ = ["Stream", "listening"]


class Stream:
    """A text stream that takes everything; what its inner one cannot write is escaped or lost.

    Parameters
    ----------
    inner : text stream or None
        None where the process was started without one.

    Attributes
    ----------
    error : OSError or None
        Why the rest was lost.
    """

    def __init__(self, inner: TextIO | None) -> None:
        self._inner = inner
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        """Return anything else of the inner stream."""
        return getattr(self._inner, name)

    @property
    def encoding(self) -> str:
        """Of the inner stream; ASCII if it has none."""
        return getattr(self._inner, "encoding", None) or "ascii"

    def isatty(self) -> bool:
        """Return whether a terminal listens."""
        try:
            return self._inner is not None and self._inner.isatty()
        except ValueError:  # closed
            return False

    def write(self, text: str) -> int:
        """Write a text, with escapes for characters that the stream cannot hold."""
        if self._inner is not None and self.error is None:
            try:
                self._write(self._inner, text)
            except (OSError, ValueError) as error:
                self._lose(error)
        return len(text)

    def _write(self, inner: TextIO, text: str) -> None:
        try:
            inner.write(text)
        except UnicodeEncodeError:
            inner.write(text.encode(self.encoding, "backslashreplace").decode(self.encoding))

    def flush(self) -> None:
        """Write what is held back."""
        if self._inner is not None and self.error is None:
            try:
                self._inner.flush()
            except (OSError, ValueError) as error:
                self._lose(error)

    def _lose(self, error: OSError | ValueError) -> None:
        """Write nothing from now on; and have Python find no fault when it flushes at its end."""
        self.error = error if isinstance(error, OSError) else OSError(errno.EBADF, str(error))
        with suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._inner.fileno())  # type: ignore[union-attr]
            os.close(nowhere)

    @property
    def is_full(self) -> bool:
        """Whether something was lost that somebody waits for: not where a pipe has ended."""
        return self.error is not None and self.error.errno not in (errno.EPIPE, errno.EBADF)


@contextmanager
def listening() -> Iterator[tuple[Stream, Stream]]:
    """Put such streams in the place of standard output and standard error; give them."""
    _fill_numbers()
    before = sys.stdout, sys.stderr
    out, err = Stream(sys.stdout), Stream(sys.stderr)
    sys.stdout, sys.stderr = out, err  # type: ignore[assignment]
    try:
        yield out, err
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


def _fill_numbers() -> None:
    """See that no file opened later becomes standard output: other libraries write there."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free

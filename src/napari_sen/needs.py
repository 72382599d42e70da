"""Packages that only some of the work needs."""

from __future__ import annotations

from importlib.util import find_spec

from .errors import MissingPackageError

__all__ = ["need"]

GUI = ("napari", "qtpy", "superqt", "magicgui")
ALL = "'napari-sen[all]'"  # with quotes, which the shell needs


def need(*modules: str, what: str, install: str) -> None:
    """Raise MissingPackageError unless all these modules are installed.

    Parameters
    ----------
    modules : str
    what : str
        What needs them, as the subject of a sentence.
    install : str
        What pip is to install.
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingPackageError(
            f"{what} needs {', '.join(missing)}, which is not installed: pip install {install}"
        )

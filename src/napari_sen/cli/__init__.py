"""The command line ``napari-sen``; see :mod:`napari_sen.cli.app`."""

from .app import main

__all__ = ["main"]

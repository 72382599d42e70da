"""What a report of a fault should say: versions, devices, cores, memory, folders."""

from __future__ import annotations

import getpass
import os
import platform
import re
from argparse import Namespace
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from ..core.build import kernel_build
from ..io.memory import available_memory
from ..learn.registry import models, user_folder
from ..processors import cores, group_cores
from .console import Reporter

__all__ = ["anonymous", "info"]

BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")


def info(args: Namespace, reporter: Reporter) -> dict[str, Any]:
    """Say what this installation is, and what it has to work with."""
    import torch

    quota = group_cores()
    return {
        "napari-sen": version("napari-sen"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": _packages(),
        "qt": _qt(),
        "kernel": kernel_build(),
        "devices": _devices(),
        "cores": {
            "of the machine": os.cpu_count(),
            "for this process": cores(),
            "quota of control groups": "none" if quota is None else f"{quota:g}",
            "threads of torch": torch.get_num_threads(),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "not set"),
        },
        "memory_free": f"{available_memory() / 1e9:.1f} GB",
        "models": [f"{each.name}{' (damaged)' if each.problem else ''}" for each in models()],
        "folders": {
            "package": anonymous(Path(__file__).parents[1]),
            "your models": anonymous(user_folder()),
        },
    }


def _packages() -> dict[str, str]:
    """Return the versions of all packages that this one can make use of."""
    lines = requires("napari-sen") or []
    names = {re.match(r"[\w.-]+", line)[0].lower() for line in lines}  # type: ignore[index]
    found = {}
    for name in sorted(names - {"napari-sen"}):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _qt() -> dict[str, str]:
    """Return the Qt bindings that are installed, and the one that the environment asks for."""
    found = {}
    for name in BINDINGS:
        for package in (name, f"{name}-Essentials"):
            try:
                found[name] = version(package)
                break
            except PackageNotFoundError:
                continue
    return (found or {"binding": "not installed"}) | {"QT_API": os.environ.get("QT_API", "not set")}


def _devices() -> dict[str, str]:
    """Return the devices that torch can work on."""
    import torch

    found = {"cpu": platform.processor() or platform.machine()}
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(number)
            size = about.total_memory / 1e9
            found[f"cuda:{number}"] = f"{about.name}, {size:.1f} GB, CUDA {torch.version.cuda}"
    if torch.backends.mps.is_available():
        found["mps"] = "there"
    return found


def anonymous(path: Path) -> str:
    """Return a path in which neither the home folder nor the user is named."""
    home = Path.home()
    if path.is_relative_to(home):
        path = Path("~") / path.relative_to(home)
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a process without a name
        return str(path)
    return str(Path(*("USER" if part == user else part for part in path.parts)))

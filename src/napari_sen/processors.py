"""How many processors this process may use, and the control groups that limit it."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["GROUPS", "GROUPS_ROOT", "cores", "group_cores", "own_groups"]

GROUPS_ROOT = Path("/sys/fs/cgroup")  # where control groups are mounted
GROUPS = Path("/proc/self/cgroup")  # names those of this process


def cores() -> int:
    """Return how many cores this process may use: those it may run on, at most its quota."""
    free = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = group_cores()
    return max(1, (free or 1) if quota is None else min(free or 1, int(quota)))


def group_cores(root: Path = GROUPS_ROOT, groups: Path = GROUPS) -> float | None:
    """Return how many cores' time the control groups of this process get, None without a limit.

    Parameters
    ----------
    root : Path
        Where the control groups are mounted.
    groups : Path
        The file that names those of this process.
    """
    quotas = []
    for folder, version in own_groups("cpu", root, groups):
        try:
            if version == 2:
                most, period = (folder / "cpu.max").read_text().split()
            else:
                most, period = (
                    (folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period")
                )
            quota = int(most) / int(period)  # "max" and -1 are none
        except (OSError, ValueError, ZeroDivisionError):
            continue
        if quota > 0:
            quotas.append(quota)
    return min(quotas, default=None)


def own_groups(controller: str, root: Path, groups: Path) -> list[tuple[Path, int]]:
    """Return the folders of this process's control groups of a controller, and their version.

    A group is limited by those that hold it, too; in a container its own path is not seen, and
    the limits lie at the root.
    """
    try:
        lines = groups.read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, version = root, 2
        elif controller in controllers.split(","):
            base, version = root / controller, 1
        else:
            continue
        inner = base / path.lstrip("/")
        found += [(each, version) for each in {inner, *inner.parents, base}
                  if each == base or base in each.parents]  # fmt: skip
    return found

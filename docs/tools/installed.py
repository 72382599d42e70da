"""List what an installation pulls in, with sizes: python docs/tools/installed.py [EXTRA ...].

Run it in an environment that holds the package; it prints the page docs/reference/installed.md.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HEAD = """# What an installation pulls in

All that `pip install napari-sen` puts into an empty environment, on {system} with Python {python}
and the CPU build of torch. The default build of torch for Linux brings the CUDA libraries as well,
some gigabytes. Printed by `python docs/tools/installed.py`.

| package | version | size | wanted by |
| --- | --- | --- | --- |"""


def main() -> None:
    """Print the page."""
    found = pulled("napari-sen", frozenset(sys.argv[1:]))
    print(HEAD.format(system=f"{platform.system()} {platform.machine()}", python=_python()))
    sizes = {name: size_of(distribution(name)) for name in found}
    for name in sorted(found, key=lambda name: -sizes[name]):
        wanted = ", ".join(sorted(found[name])) or "-"
        print(f"| {name} | {distribution(name).version} | {megabytes(sizes[name])} | {wanted} |")
    print(f"| **all** | | **{megabytes(sum(sizes.values()))}** | {len(found)} packages |")


def pulled(name: str, extras: frozenset[str]) -> dict[str, set[str]]:
    """Return all packages that one brings along, each with those that want it."""
    found: dict[str, set[str]] = {canonicalize_name(name): set()}
    waiting = [(canonicalize_name(name), extras)]
    done = set()
    while waiting:
        one = waiting.pop()
        if one in done:
            continue
        done.add(one)
        for requirement in wanted_by(*one):
            other = canonicalize_name(requirement.name)
            found.setdefault(other, set()).add(one[0])
            waiting.append((other, frozenset(requirement.extras)))
    return found


def wanted_by(name: str, extras: Iterable[str]) -> list[Requirement]:
    """Return what a package needs here, with these extras."""
    lines = map(Requirement, distribution(name).requires or [])
    return [
        line
        for line in lines
        if line.marker is None or any(line.marker.evaluate({"extra": e}) for e in ("", *extras))
    ]


def size_of(package: Distribution) -> int:
    """Return the bytes of a package's files, without what Python compiled."""
    places = (package.locate_file(file) for file in package.files or [])
    return sum(
        place.stat().st_size for place in places if place.is_file() and place.suffix != ".pyc"
    )


def megabytes(size: int) -> str:
    """Return a size in MB."""
    return f"{size / 1e6:,.1f} MB"


def _python() -> str:
    return ".".join(map(str, sys.version_info[:2]))


if __name__ == "__main__":
    main()

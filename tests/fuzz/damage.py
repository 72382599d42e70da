"""How files are damaged: bytes, the values of JSON documents, and what is no plain file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

__all__ = ["bytes_damage", "json_damage", "kind_damage", "one_of_files"]

Damage = Callable[[Path], None]


def bytes_damage() -> st.SearchStrategy[Damage]:
    """Flip, cut, repeat, insert or wipe bytes, up to four times."""
    place = st.floats(0, 1)
    length = st.sampled_from([1, 2, 4, 8, 64, 4096])
    change = st.one_of(
        st.tuples(st.just("flip"), place, st.integers(0, 7)),
        st.tuples(st.just("set"), place, st.integers(0, 255)),
        st.tuples(st.just("cut"), place, st.just(0)),
        st.tuples(st.just("drop"), place, length),
        st.tuples(st.just("repeat"), place, length),
        st.tuples(st.just("zero"), place, length),
        st.tuples(st.just("fill"), place, length),
        st.tuples(st.just("insert"), place, st.binary(min_size=1, max_size=16)),
        st.tuples(st.just("append"), place, st.binary(min_size=1, max_size=16)),
    )
    return st.lists(change, min_size=1, max_size=4).map(_bytes_changed)


def _bytes_changed(changes: list[tuple[str, float, Any]]) -> Damage:
    def damage(path: Path) -> None:
        content = bytearray(path.read_bytes())
        for how, place, much in changes:
            at = int(place * max(len(content) - 1, 0))
            if how == "flip" and content:
                content[at] ^= 1 << much
            elif how == "set" and content:
                content[at] = much
            elif how == "cut":
                del content[at:]
            elif how == "drop":
                del content[at : at + much]
            elif how == "repeat":
                content[at:at] = content[at : at + much]
            elif how in ("zero", "fill"):
                end = min(at + much, len(content))
                content[at:end] = bytes([255 * (how == "fill")]) * (end - at)
            elif how == "insert":
                content[at:at] = much
            elif how == "append":
                content += much
        path.write_bytes(bytes(content))

    return damage


ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3.0, 0.5, 255, 2**31, 2**63, 2**64, 10**400, 1e308,
    float("nan"), float("inf"), "", "x", "a" * 5000, "..", "../..", "/dev/zero", "\x00", "\ud800",
    "int16", "float64", "gzip", [], [1], [[]], {}, {"": None}, [0, 0], ["a"], [1e400], [-1, -1],
]  # fmt: skip


def nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the container and key of every value in a JSON document."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        yield value, key
        yield from nodes(inner)


def changed_document(document: Any, changes: list[tuple[float, str, Any]]) -> Any:
    """Return a JSON document with some values replaced, removed, nested or doubled."""
    for place, how, odd in changes:
        value = deepcopy(odd)  # changed itself by the next one
        found = list(nodes(document))
        if not found or how == "root":
            document = value
            continue
        owner, key = found[int(place * (len(found) - 1))]
        if how == "replace":
            owner[key] = value
        elif how == "remove":
            del owner[key]
        elif how == "nest":
            owner[key] = [owner[key]]
        elif how == "text":
            owner[key] = str(owner[key])
        elif how == "number" and isinstance(owner[key], int | float):
            owner[key] = -owner[key] * 1000
        elif how == "double" and isinstance(owner, list):
            owner.append(owner[key])
        elif how == "rename" and isinstance(owner, dict):
            owner[f"{key}x"] = owner.pop(key)
    return document


def changes() -> st.SearchStrategy[list[tuple[float, str, Any]]]:
    """Return up to three changes of a JSON document."""
    ways = ["replace"] * 6 + ["remove", "remove", "nest", "text", "number", "double", "rename",
                              "root"]  # fmt: skip
    change = st.tuples(st.floats(0, 1), st.sampled_from(ways), st.sampled_from(ODD))
    return st.lists(change, min_size=1, max_size=3)


def json_damage() -> st.SearchStrategy[Damage]:
    """Change values of a JSON document, which stays one."""

    def changed(wanted: list[tuple[float, str, Any]]) -> Damage:
        def damage(path: Path) -> None:
            document = changed_document(json.loads(path.read_text()), wanted)
            path.write_text(json.dumps(document))

        return damage

    deep = st.sampled_from(["[" * 100_000, "{" * 1000, '{"a":' * 50_000, "9" * 5000, "\ufeff{}"])
    return st.one_of(changes().map(changed), deep.map(lambda text: lambda path: _write(path, text)))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def kind_damage() -> st.SearchStrategy[Damage]:
    """Put something else in the place of a file."""
    return st.sampled_from([_gone, _empty, _folder, _pipe, _device, _endless, _dangling, _loop])


def _gone(path: Path) -> None:
    path.unlink()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/null")


def _endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("nothing"))


def _loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def one_of_files(folder: Path, place: float) -> Path:
    """Return one of the files below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return files[int(place * (len(files) - 1))]


def fresh(source: Path, goal: Path) -> Path:
    """Return a new copy of a file or folder."""
    if goal.is_dir() and not goal.is_symlink():
        shutil.rmtree(goal)
    elif os.path.lexists(goal):
        goal.unlink()
    if source.is_dir():
        shutil.copytree(source, goal)
    else:
        shutil.copyfile(source, goal)
    return goal

"""The page that lists all decisions, from the headings and statuses of their files."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["page"]

SUPERSEDED = re.compile(r"(?<=^\*\*Status\.\*\* )Superseded by \[.*?\]\(.*?\)", re.M)

HEAD = """# Decisions

About half a page each: whether it is still in force, the question, the options, the one that was
chosen and why, and what follows from it. Numbers go by topic, not by date, and have gaps.
"""


def page(folder: Path) -> str:
    """Return the page as Markdown, one line for each file of the folder."""
    lines = [_line(file) for file in sorted(folder.glob("[0-9]*.md"))]
    return "\n".join([HEAD, *lines, ""])


def _line(file: Path) -> str:
    """Return a link with the title of a decision, and by what it has been superseded."""
    text = file.read_text("utf-8")
    line = f"- [{text.splitlines()[0].removeprefix('# ')}]({file.name})"
    changed = SUPERSEDED.search(text)
    return line if changed is None else f"{line}: {changed[0][0].lower()}{changed[0][1:]}"

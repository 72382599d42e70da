"""The page that lists all decisions, from the headings of their files."""

from __future__ import annotations

from pathlib import Path

__all__ = ["page"]

HEAD = """# Decisions

Half a page each: the question, the ways that were open, the one that was taken and why.
"""


def page(folder: Path) -> str:
    """Return the page as Markdown, one line for each file of the folder."""
    lines = [f"- [{_title(file)}]({file.name})" for file in sorted(folder.glob("[0-9]*.md"))]
    return "\n".join([HEAD, *lines, ""])


def _title(file: Path) -> str:
    return file.read_text("utf-8").splitlines()[0].removeprefix("# ")

"""What mkdocs does beyond its plugins: pages made from code and notebooks, formulas as MathML."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import decisions
import formulas
import notebooks
import parameters
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

__all__ = ["on_files", "on_page_content", "on_page_markdown"]

DECISIONS = "explanation/decisions"
BEHIND = (DECISIONS, "explanation/trials", "explanation/architecture")
# A cell, and how long its text is; a tag counts as one letter.
CELL = re.compile(r"<td>(?=((?:<[^<>\n]*>|[^<>\n])*)</td>$)", re.M)
TAG = re.compile(r"<[^<>]*>")
SENTENCE, PHRASE = 60, 25  # letters that need several lines, or two on a telephone
# "K = 50", which is not to be broken; code is left alone.
EQUATION = re.compile(r"<(pre|code)\b.*?</\1>|\b([A-Za-z]) = (?=[\d.])", re.S)


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that are made, and the font of formulas."""
    folder = Path(config.docs_dir, DECISIONS)
    made = {
        "reference/parameters.md": parameters.page(),
        f"{DECISIONS}/index.md": decisions.page(folder),
    }
    for path in sorted(Path(config.docs_dir, "notebooks").glob("*.ipynb")):
        made[f"notebooks/{path.stem}.md"] = notebooks.page(path)
    for address, text in made.items():
        files.append(File.generated(config, address, content=text))
    files.append(File.generated(config, "assets/math.ttf", abs_src_path=str(formulas.FONT)))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Let a search find what is written for readers first; lead from a decision to the others."""
    if page.file.src_uri.startswith(BEHIND):
        page.meta["search"] = {"boost": 0.2}
    if page.file.src_uri.startswith(f"{DECISIONS}/0"):
        return f"{markdown}\n\n[All decisions](index.md)\n"
    return markdown


def on_page_content(html: str, **_: Any) -> str:
    """Draw the formulas of a page, keep equations whole, give cells that hold sentences room."""
    return EQUATION.sub(_unbroken, CELL.sub(_roomy, formulas.drawn(html)))


def _roomy(found: re.Match[str]) -> str:
    letters = len(TAG.sub(" ", found[1]))
    if letters < PHRASE:
        return found[0]
    return f'<td class="{"sentence" if letters >= SENTENCE else "phrase"}">'


def _unbroken(found: re.Match[str]) -> str:
    return f"{found[2]}\u00a0=\u00a0" if found[2] else found[0]

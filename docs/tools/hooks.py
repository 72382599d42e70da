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
# A cell whose text is long enough to need several lines; a tag counts as one letter.
SENTENCE = re.compile(r"<td>(?=(?:<[^<>\n]*>|[^<>\n]){60,}</td>$)", re.M)
# Code in a line of text, and an option of the command line in it.
CODE = re.compile(r"<code>[^<\n]*</code>")
OPTION = re.compile(r"(?<![\w-])--?\w[\w-]*")


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
    """Let a search find what is written for readers before what is written for developers."""
    if page.file.src_uri.startswith(BEHIND):
        page.meta["search"] = {"boost": 0.2}
    return markdown


def on_page_content(html: str, **_: Any) -> str:
    """Draw the formulas of a page, give cells that hold sentences room, keep options whole."""
    html = SENTENCE.sub('<td class="sentence">', formulas.drawn(html))
    return CODE.sub(lambda code: OPTION.sub(r'<span class="option">\g<0></span>', code[0]), html)

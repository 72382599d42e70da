"""What mkdocs does beyond its plugins: pages made from code and notebooks, formulas as MathML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import decisions
import formulas
import notebooks
import parameters
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

__all__ = ["on_files", "on_page_content"]

DECISIONS = "explanation/decisions"


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


def on_page_content(html: str, **_: Any) -> str:
    """Draw the formulas of a page."""
    return formulas.drawn(html)

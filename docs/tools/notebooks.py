"""A page for each notebook, so that it can be read on the site."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["page"]


def page(path: Path) -> str:
    """Return a notebook as Markdown, with a link to the file below its title."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    title, *rest = [_cell(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    return "\n\n".join([title, f"[Download this notebook]({path.name})", *rest, ""])


def _cell(kind: str, source: str) -> str:
    return f"```python\n{source}\n```" if kind == "code" else source

"""Formulas as MathML, which browsers draw themselves: no script, no network.

Roots and large brackets need a font for mathematics, which not every system has.
"""

from __future__ import annotations

import html
import re
from importlib.metadata import distribution
from pathlib import Path

from latex2mathml.converter import convert

__all__ = ["FONT", "drawn"]

# STIX Two Math, under the SIL Open Font License.
FONT = Path(str(distribution("ziamath").locate_file("ziamath/fonts/STIXTwoMath-Regular.ttf")))

# What pymdownx.arithmatex leaves in a page.
INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.S)
DISPLAYED = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.S)
# A pair of plain bars; browsers space bars as operators unless they are said to enclose.
BARS = re.compile(r"(?<!\\)(?<!left)(?<!right)\|([^|]+?)(?<!\\)(?<!right)\|")


def drawn(page: str) -> str:
    """Return the HTML of a page with its formulas as MathML."""
    page = INLINE.sub(lambda found: _mathml(found[1], "inline"), page)
    return DISPLAYED.sub(
        lambda found: f'<div class="formula">{_mathml(found[1], "block")}</div>', page
    )


def _mathml(latex: str, display: str) -> str:
    latex = BARS.sub(r"\\left| \1 \\right|", html.unescape(latex).strip())
    return convert(latex, display=display)

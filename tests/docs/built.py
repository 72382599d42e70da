"""A built page, as a browser would take it apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

__all__ = ["BuiltPage", "read"]

SILENT = {"script", "style", "math"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}


@dataclass
class BuiltPage(HTMLParser):
    """What one HTML file shows and points at.

    Attributes
    ----------
    prose : str
        Text outside code, formulas, scripts and styles.
    code : str
        Text of code.
    ids : set of str
        Where links can point.
    links, pictures : list of str
        Targets as they are written.
    loaded : list of str
        Scripts, style sheets and icons.
    cells : list of list of str
        Rows of all tables.
    formulas : int
    """

    path: Path
    prose: str = ""
    code: str = ""
    formulas: int = 0
    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    cells: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(self.path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = {name: value or "" for name, value in attrs}
        self.formulas += tag == "math"
        if "id" in about:
            self.ids.add(about["id"])
        if tag == "a" and "href" in about:
            self.links.append(about["href"])
        if tag == "img":
            self.pictures.append(about["src"])
        if tag == "script" and "src" in about:
            self.loaded.append(about["src"])
        if tag == "link" and about.get("rel") != "canonical":
            self.loaded.append(about["href"])
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while tag in self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if SILENT.intersection(self.open):
            return
        if "td" in self.open or "th" in self.open:
            self.cells[-1][-1] += data
        if "code" in self.open or "pre" in self.open:
            self.code += data
        else:
            self.prose += data


def read(site: Path) -> dict[str, BuiltPage]:
    """Return every page of a site by its address in it."""
    pages = sorted(site.rglob("*.html"))
    return {page.relative_to(site).as_posix(): BuiltPage(page) for page in pages}

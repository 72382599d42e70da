"""The documentation as it is built: what a reader's browser gets."""

import importlib.util
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import napari_sen
from napari_sen import params
from napari_sen.data import sample_names

from .built import read

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("mkdocs", "material", "mkdocstrings", "latex2mathml", "ziamath", "griffe")
missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
pytestmark = pytest.mark.skipif(
    bool(missing), reason=f"no {', '.join(missing)}: tox run -e docs builds the site and reads it"
)

API = "reference/api/index.html"
PARAMETERS = "reference/parameters/index.html"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the site, built without a warning."""
    folder = tmp_path_factory.mktemp("site")
    # Not --quiet: it would hide warnings from --strict, too.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    done = subprocess.run(
        [*command, "--site-dir", str(folder)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    """Return all pages by their address."""
    return read(site)


@pytest.fixture(scope="module")
def package():
    """Return the package as its source says, without importing torch."""
    import griffe

    return griffe.load("napari_sen", search_paths=[ROOT / "src"])


def parameter_sets():
    found = [getattr(params, name) for name in params.__all__]
    found = [one for one in found if isinstance(one, type) and issubclass(one, params.Params)]
    return [one for one in found if fields(one)]


def test_no_markup_is_left_raw(pages):
    raw = re.compile(r":(?:func|class|meth|attr|mod|data|exc|math):|\.\. \w+::|\\[a-zA-Z]+\{|\$\$")
    left = {
        address: raw.findall(page.prose)
        for address, page in pages.items()
        if raw.search(page.prose) or "arithmatex" in page.path.read_text("utf-8")
    }
    assert left == {}


def test_every_formula_of_a_page_is_drawn(pages):
    formula = re.compile(r"\$\$.+?\$\$|\$[^$\n]+?\$", re.S)
    for source in sorted((ROOT / "docs").rglob("*.md")):
        text = re.sub(r"```.*?```|`[^`\n]*`", "", source.read_text("utf-8"), flags=re.S)
        written = len(formula.findall(text))
        address = source.relative_to(ROOT / "docs").with_suffix("").as_posix()
        folder = "" if address == "index" else f"{address.removesuffix('/index')}/"
        page = pages[f"{folder}index.html"]
        assert page.formulas >= written, address
    assert pages[API].formulas > 0, "those of docstrings"


@pytest.mark.parametrize("name", [name for name in napari_sen.__all__ if name != "__version__"])
def test_every_public_name_has_its_heading_and_signature(pages, package, name):
    page = pages[API]
    assert f"napari_sen.{name}" in page.ids
    member = package[name].final_target
    for parameter in getattr(member, "parameters", ()):
        if parameter.name != "self":
            assert re.search(rf"\b{parameter.name}\b", page.code), parameter.name


@pytest.mark.parametrize("one", parameter_sets(), ids=lambda one: one.__name__)
def test_every_parameter_is_in_its_table(pages, one):
    page = pages[PARAMETERS]
    for item in fields(one):
        assert f"napari_sen.params.{one.__name__}.{item.name}" in page.ids
        wanted = expected(one, item)
        assert wanted in page.cells, f"{one.__name__}.{item.name}"


@pytest.mark.parametrize("address", [API, "reference/blocks/index.html"])
def test_the_names_of_parameter_sets_are_links(pages, address):
    text = pages[address].path.read_text("utf-8")
    named = re.findall(r"(.)<code>(napari_sen\.params\.\w+Params)</code>", text)
    assert len(named) > 3 or address != API
    assert all(before == ">" for before, _ in named)
    for name in {name for _, name in named}:
        assert f'href="../parameters/#{name}"' in text


def expected(one, item):
    """Return the cells of a parameter, worked out from the parameter set alone."""
    sets = {kind: one().settled(kind) for kind in params.KINDS}
    if (one, item.name) == (params.SegmentParams, "evenness"):  # that of the tree
        sets = {kind: params.HierarchyParams().settled(kind) for kind in params.KINDS}
    texts = {kind: shown(getattr(values, item.name)) for kind, values in sets.items()}
    if len(set(texts.values())) == 1:
        default = next(iter(texts.values()))
    else:
        default = "".join(f"{kind}: {text}" for kind, text in texts.items())
    return [item.name, item.metadata["help"], default, limits(item.metadata),
            item.metadata["unit"], item.type.replace(" | None", "")
            .replace("tuple[", "list of ").replace(", ...]", "")]  # fmt: skip


def shown(value):
    if isinstance(value, tuple):
        return ", ".join(map(shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def limits(about):
    if about["choices"]:
        return ", ".join(about["choices"])
    if about["low"] is about["high"] is about["above"] is None:
        return ""

    def short(limit):
        if abs(limit) < 1e6:
            return f"{limit:,g}"
        if limit % 1000:
            return f"{int(limit):,}"
        mantissa, exponent = f"{limit:.0e}".split("e")
        return f"{mantissa}e{int(exponent)}"

    left = f"({short(about['above'])}" if about["low"] is None else f"[{short(about['low'])}"
    right = "∞)" if about["high"] is None else f"{short(about['high'])}]"
    return f"{left},\N{NO-BREAK SPACE}{right}"


def test_links_inside_the_site_lead_somewhere(pages, site):
    dead = []
    for address, page in pages.items():
        if address == "404.html":  # its links start at the site's root, wherever that is
            continue
        for link in [*page.links, *page.pictures, *page.loaded]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link.startswith("data:"):
                continue
            goal = (site / address).parent / unquote(parts.path) if parts.path else site / address
            goal = (goal / "index.html" if goal.is_dir() else goal).resolve()
            if not goal.is_file():
                dead.append((address, link))
            elif parts.fragment and goal.suffix == ".html":
                there = pages[goal.relative_to(site.resolve()).as_posix()]
                if unquote(parts.fragment) not in there.ids:
                    dead.append((address, link))
    assert dead == []


def test_nothing_is_loaded_from_the_network(pages):
    loaded = {
        (address, target)
        for address, page in pages.items()
        for target in [*page.loaded, *page.pictures]
        if urlsplit(target).netloc
    }
    assert loaded == set()


def test_formulas_bring_their_font(site):
    style = (site / "style.css").read_text("utf-8")
    [font] = re.findall(r"url\((\S+\.ttf)\)", style)
    assert (site / font).read_bytes()[:4] in (b"\0\1\0\0", b"OTTO")


def test_pages_show_pictures(pages):
    assert sum(len(page.pictures) for page in pages.values()) > 10


def test_the_site_holds_no_scripts_that_make_it(site):
    assert sorted(site.rglob("*.py")) == []


def test_every_decision_is_listed(pages):
    decisions = sorted((ROOT / "docs/explanation/decisions").glob("[0-9]*.md"))
    listed = pages["explanation/decisions/index.html"].links
    assert decisions
    for file in decisions:
        assert f"{file.stem}/" in listed
        begin = file.read_text("utf-8").split("\n\n")
        assert begin[0].startswith(f"# {file.name[:3]}. ")
        assert [part.split(" ", 1)[0] for part in begin[1:3]] == ["**Status.**", "**Question.**"]


def test_every_sample_is_in_the_gallery(pages):
    pictures = pages["gallery/index.html"].pictures
    for name in sample_names():
        assert sum(f"/{name}-" in picture for picture in pictures) >= 6, name


def test_every_notebook_has_its_page_and_its_file(pages, site):
    notebooks = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
    assert notebooks
    for file in notebooks:
        assert f"../{file.name}" in pages[f"notebooks/{file.stem}/index.html"].links
        assert (site / "notebooks" / file.name).is_file()


def test_every_page_is_in_the_navigation(pages):
    beside = re.compile(r"404.html|explanation/decisions/0.*")
    shown = pages["index.html"]
    there = {
        (link.split("#")[0].removeprefix("./") + "index.html").replace("//", "/")
        for link in shown.links
    }
    for address in pages:
        assert beside.fullmatch(address) or address in there | {"index.html"}, address


def test_links_of_the_files_at_the_root_lead_somewhere():
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "RELEASING.md"):
        text = (ROOT / name).read_text("utf-8")
        for target in re.findall(r"\]\(([^)#]+)", text):
            assert urlsplit(target).scheme or (ROOT / target).exists(), f"{name}: {target}"


def test_the_readme_stays_short():
    prose = re.sub(r"```.*?```|<!--.*?-->", "", (ROOT / "README.md").read_text("utf-8"), flags=re.S)
    assert len(prose.split()) <= 500

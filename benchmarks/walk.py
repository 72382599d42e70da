"""What the walk on the region graph brings, and what was tried in its place, as Markdown.

    python benchmarks/walk.py PATH_TO_BSDS500 [--cache FOLDER] [--images 100]
    python benchmarks/walk.py PATH_TO_MICROSCOPY [--cache FOLDER]

The validation images of BSDS500 (superpixels cut at 50, 100 and 200), or the 'tune' halves of all
microscopy sets of at least four images (100, 200 and 600); never images that results are reported
on. Every line is a difference, in units of 0.0001, from the default tree without the walk at the
same size exponent, for two disjoint halves (every other image): a gain counts where both agree.
Features and fine superpixels are measured once and kept in the cache.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

# Before numpy and its friends start their threads.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.linalg import eigsh

from napari_sen.core.graph import Regions, region_graph
from napari_sen.core.hierarchy import Hierarchy, merge_regions
from napari_sen.core.metrics import score
from napari_sen.core.snic import snic
from napari_sen.core.strength import gradient_magnitude
from napari_sen.core.walk import walk_costs
from napari_sen.evaluation.datasets import Dataset, Item, open_bsds, open_folder
from napari_sen.evaluation.methods import scene_of
from napari_sen.learn.model import Model, load_model
from napari_sen.params import HierarchyParams, MergeSettings

FEWEST = 4  # images of a microscopy set
WEIGHT = 0.3  # of the walk, where it is on
CUTS = {"natural": (50, 100, 200), "microscopy": (100, 200, 600)}
EXPONENTS = {"natural": (0.4, 0.55, 0.7, 1.0), "microscopy": (0.7, 1.0)}
LEAVES = (8.0, 10.0, 12.0)
SHOWN = {"natural": ("f1", "asa", "asa_best"), "microscopy": ("f1", "asa", "recall")}
TITLES = {"f1": "F1", "asa": "ASA", "asa_best": "best ASA", "recall": "BR"}

Array: TypeAlias = np.ndarray[Any, Any]
Walk: TypeAlias = Callable[["Graph"], Array]


@dataclass(frozen=True)
class Leaves:
    """Fine superpixels of one image, with all that a tree over them needs."""

    labels: Array
    regions: Regions  # sums of colour and embedding, not weighted; strength: the gradient
    halves: Array  # half-disc difference, summed along the borders
    colours: int
    truths: list[Array]


@dataclass(frozen=True)
class Graph:
    """The weighted region graph that a tree is built on."""

    regions: Regions
    colours: int
    params: HierarchyParams

    def differences(self, features: Array | None = None) -> Array:
        """Return |f_a - f_b| of every edge."""
        values = self.regions.means if features is None else features
        a, b = self.regions.edges.T
        return np.linalg.norm(values[a] - values[b], axis=1)

    def boundary(self) -> Array:
        """Return the mean boundary strength of every edge."""
        return self.regions.strength / self.regions.length

    def scaled(self, colour: float, embedding: float) -> Array:
        """Return the mean features with colour and embedding weighted anew."""
        weights = np.full(self.regions.sums.shape[1], embedding)
        weights[: self.colours] = colour
        return self.regions.means * weights

    def added(self, left: Array) -> Array:
        """Return what is left after a walk as a part of the cost, in units of the mean cost."""
        cost = self.differences() + self.params.boundary_weight * self.boundary()
        return WEIGHT * left * cost.mean() / max(left.mean(), 1e-300)


def measure(item: Item, kind: str, model: Model) -> list[Leaves]:
    """Return the fine superpixels of every size."""
    params = HierarchyParams().settled(kind)
    scene = scene_of(item, model)
    colour = scene.colour(scene.whole, params.smoothing)
    features = scene.features(scene.whole, params.tree(kind).leaves.features)
    both = np.concatenate([colour, scene.embedding(scene.whole)], axis=-1)
    gradient = gradient_magnitude(scene.colour(scene.whole, params.boundary_smoothing))
    halves = scene.half_discs(scene.whole)
    found = []
    for size in LEAVES:
        count = round(colour[..., 0].size / size**2)
        labels = snic(features, count, compactness=params.fine_compactness)
        found.append(
            Leaves(
                labels,
                region_graph(labels, both, gradient),
                region_graph(labels, colour, halves).strength,
                colour.shape[-1],
                item.ground_truths,
            )
        )
    return found


def kept(path: Path | None, make: Callable[[], list[Leaves]]) -> list[Leaves]:
    """Return what is in a file, made first where it is missing."""
    if path is None or not path.exists():
        found = make()
        if path is None:
            return found
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {}
        for size, leaves in zip(LEAVES, found, strict=True):
            about = {"labels": leaves.labels, "halves": leaves.halves, "colours": leaves.colours}
            arrays |= {f"{size}/{key}": value for key, value in about.items()}
            arrays |= {f"{size}/r/{key}": value for key, value in vars(leaves.regions).items()}
        arrays |= {f"truth/{i}": truth for i, truth in enumerate(found[0].truths)}
        np.savez(path, **arrays)
    with np.load(path) as file:
        truths = [file[key] for key in file.files if key.startswith("truth/")]
        return [
            Leaves(
                file[f"{size}/labels"],
                Regions(**{k.split("/")[-1]: file[k] for k in file if k.startswith(f"{size}/r/")}),
                file[f"{size}/halves"],
                int(file[f"{size}/colours"]),
                truths,
            )
            for size in LEAVES
        ]


# What is left of the differences after a walk, in the ways that were tried.


def walked(
    *,
    sigma: float | None = None,
    steps: Sequence[int] | None = None,
    affinity: tuple[float, float] = (1, 1),
    features: tuple[float, float] = (1, 1),
    boundary: float = 0.0,
    length: bool = True,
    gaussian: bool = False,
    squared: bool = False,
    rounds: int = 1,
) -> Walk:
    """Return the walk of the product with some of its parts replaced.

    ``affinity`` and ``features`` weigh colour and embedding in W and in what walks; ``boundary``
    adds the boundary strength to the differences in W; several numbers of ``steps`` are averaged;
    in several ``rounds`` W is made anew from what the walk left.
    """

    def run(graph: Graph) -> Array:
        wide = graph.params.walk_sigma if sigma is None else sigma
        counts = [graph.params.walk_steps] if steps is None else steps
        compared, values = graph.scaled(*affinity), graph.scaled(*features)
        total = np.zeros(len(graph.regions.edges))
        done = 0
        for count in counts:
            for part in range(rounds):
                if done == 0 or part:
                    step = transition(graph, compared, wide, boundary, length, gaussian)
                for _ in range((count - done) // (rounds - part)):
                    values = (values + step @ values) / 2
                    done += 1
                if rounds > 1:
                    compared = values
            left = graph.differences(values) ** (2 if squared else 1)
            total += left / max(left.mean(), 1e-300)
        return graph.added(total)

    return run


def transition(
    graph: Graph, features: Array, sigma: float, boundary: float, length: bool, gaussian: bool
) -> Any:
    """Return D^-1 W; a region without a neighbour stays where it is."""
    cost = graph.differences(features) + boundary * graph.boundary()
    some = cost[cost > 0]
    relative = cost / (sigma * (np.median(some) if some.size else 1.0))
    cheap = np.full(len(graph.regions.sizes), np.inf)
    np.minimum.at(cheap, graph.regions.edges, relative[:, None])
    power = 2 if gaussian else 1
    long = graph.regions.length if length else np.ones(len(cost))
    a, b = graph.regions.edges.T
    here, there = np.concatenate([a, b]), np.concatenate([b, a])
    both = np.tile(relative, 2)
    weights = np.tile(long, 2) * np.exp(cheap[here] ** power - both**power)
    n = len(cheap)
    total = np.bincount(here, weights, n)
    alone = np.flatnonzero(total == 0)
    rows, columns = np.concatenate([here, alone]), np.concatenate([there, alone])
    shares = np.concatenate([weights / total[here], np.ones(len(alone))])
    return sparse.csr_matrix((shares, (rows, columns)), shape=(n, n))


def spectral(count: int = 16) -> Walk:
    """Return the differences of a normalised cut's eigenvectors instead of a walk."""

    def run(graph: Graph) -> Array:
        cost = graph.differences()
        wide = (graph.params.walk_sigma or 0) * np.median(cost[cost > 0])
        weight = graph.regions.length * np.exp(-cost / wide)
        a, b = graph.regions.edges.T
        n = len(graph.regions.sizes)
        root = np.sqrt(np.bincount(a, weight, n) + np.bincount(b, weight, n) + 1e-9)
        half = sparse.csr_matrix((weight / (root[a] * root[b]), (a, b)), shape=(n, n))
        found, vectors = eigsh(half + half.T, k=count + 1, which="LA", v0=np.ones(n), tol=1e-4)
        order = np.argsort(-found)[1:]
        gaps = np.maximum(1 - found[order], 1e-6)
        return graph.added(graph.differences(vectors[:, order] / root[:, None] / np.sqrt(gaps)))

    return run


def product(graph: Graph) -> Array:
    """Return what the product itself adds."""
    return walk_costs(graph.regions, merging_of(graph.params))


# Trees, their scores, and the tables.


@dataclass(frozen=True)
class Trial:
    """One line of a table."""

    name: str
    walk: Walk | None = product
    changed: dict[str, float] = field(default_factory=dict)  # parameters of the tree
    anew: int = 0  # superpixels at which the walk is walked anew, half of the old one kept


def graph_of(leaves: Leaves, params: HierarchyParams) -> Graph:
    """Return the weighted region graph."""
    weights = np.full(leaves.regions.sums.shape[1], np.sqrt(params.embedding_weight or 0) / 2)
    weights[: leaves.colours] = np.sqrt(params.colour_weight)
    strength = leaves.regions.strength + (params.texture or 0) * leaves.halves
    regions = replace(leaves.regions, sums=leaves.regions.sums * weights, strength=strength)
    return Graph(regions, leaves.colours, params)


def merging_of(params: HierarchyParams) -> MergeSettings:
    return params.tree("natural").merging  # all that depends on the kind is settled


def tree_of(labels: Array, graph: Graph, added: Array | None) -> Hierarchy:
    """Return the tree with something added to the costs of the edges."""
    regions, params = graph.regions, replace(graph.params, walk_weight=0.0)
    if added is not None:
        weight = params.boundary_weight
        strength = weight * regions.strength + regions.length * added
        regions, params = replace(regions, strength=strength), replace(params, boundary_weight=1.0)
    return Hierarchy(labels, merge_regions(regions, merging_of(params)))


def cuts_of(leaves: Leaves, trial: Trial, kind: str, exponent: float) -> Iterator[Array]:
    """Yield the cuts at every number of superpixels."""
    params = replace(
        HierarchyParams().settled(kind),
        evenness=exponent,
        walk_weight=WEIGHT,
        border_exponent=0.0,
    )
    graph = graph_of(leaves, replace(params, **trial.changed))
    added = None if trial.walk is None else trial.walk(graph)
    tree = tree_of(leaves.labels, graph, added)
    late = tree
    if added is not None and tree.n_leaves > trial.anew > 0:
        late = walked_anew(tree, graph, added, trial)
    for count in CUTS[kind]:
        which = late if count <= late.n_leaves else tree
        yield which.cut(min(count, which.n_leaves))


def walked_anew(tree: Hierarchy, graph: Graph, added: Array, trial: Trial) -> Hierarchy:
    """Return the tree over a cut, on whose graph a second walk takes half of the first's place."""
    assert trial.walk is not None
    labels = tree.cut(trial.anew)
    group = np.empty(tree.n_leaves, np.int64)
    group[tree.labels.ravel() - 1] = labels.ravel() - 1
    n = trial.anew
    pairs = np.sort(group[graph.regions.edges], axis=1)
    between = pairs[:, 0] != pairs[:, 1]
    keys, which = np.unique(pairs[between] @ [n, 1], return_inverse=True)

    def summed(values: Array) -> Array:
        return np.bincount(which, values[between], len(keys))

    sums = np.zeros((n, graph.regions.sums.shape[1]))
    np.add.at(sums, group, graph.regions.sums)
    length = summed(graph.regions.length)
    coarse = Regions(
        np.bincount(group, graph.regions.sizes, n).astype(np.int64),
        sums,
        np.stack([keys // n, keys % n], axis=1).astype(np.int32),
        length,
        summed(graph.regions.strength),
    )
    again = replace(graph, regions=coarse)
    old = summed(graph.regions.length * added) / length
    return tree_of(labels, again, (old + trial.walk(again)) / 2)


def scores(images: Sequence[Sequence[Leaves]], trial: Trial, kind: str, exponent: float) -> Array:
    """Return the scores of all images and cuts, (images, cuts, scores); the last is evenness."""
    params = {**vars(HierarchyParams()), **trial.changed}
    which = LEAVES.index(params["fine_size"])
    rows = []
    for image in images:
        found = [
            score(cut, image[which].truths)
            for cut in cuts_of(image[which], trial, kind, exponent)
        ]  # fmt: skip
        rows.append(
            [[*(getattr(s, key) for key in SHOWN[kind]), s.size_variation] for s in found]
        )  # fmt: skip
    return np.array(rows)


def trials(kind: str) -> list[Trial]:
    """Return all that was tried beside the product's own walk."""
    sigma = HierarchyParams().settled(kind).walk_sigma
    steps = HierarchyParams().settled(kind).walk_steps
    assert sigma is not None
    assert steps is not None
    lines = [Trial("**the walk**")]
    lines += [
        Trial(f"weight {weight:g}", changed={"walk_weight": weight}) for weight in (0.15, 0.6, 1.2)
    ]
    lines += [
        Trial(f"sigma {value:g}", changed={"walk_sigma": value})
        for value in (sigma / 2, sigma * 3 / 4, sigma * 3 / 2)
    ]
    lines += [
        Trial(f"{value} steps", changed={"walk_steps": value})
        for value in (steps // 8, steps // 2, 2 * steps, 4 * steps)
    ]
    lines += [
        Trial(f"{steps // 4} and {steps} steps, averaged", walked(steps=(steps // 4, steps))),
        Trial("affinity of colour alone", walked(affinity=(1, 0))),
        Trial("affinity of the embedding alone", walked(affinity=(0, 1))),
        Trial("boundary in the affinity, weight 1", walked(boundary=1)),
        Trial("the same, weight 10", walked(boundary=10)),
        Trial("no border length in the affinity", walked(length=False)),
        Trial("Gaussian affinity", walked(gaussian=True, sigma=2 * sigma)),
        Trial("colour alone walks", walked(features=(1, 0))),
        Trial("the embedding alone walks", walked(features=(0, 1))),
        Trial("squared differences", walked(squared=True)),
        Trial("affinity made anew 4 times", walked(rounds=4)),
        Trial("walked anew at 400 superpixels", walked(), anew=400),
    ]
    if kind == "natural":  # elsewhere graphs nearly fall apart, and eigenvectors do not converge
        lines.append(Trial("16 eigenvectors instead", spectral()))
    tree = HierarchyParams().settled(kind)
    lines += [
        Trial(f"border exponent {value:g}", changed={"border_exponent": value})
        for value in (0.0625, 0.125, 0.25)
    ]
    for key, what, factors in (
        ("embedding_weight", "embedding", (0.5, 2)),
        ("boundary_weight", "boundary", (0.5, 2)),
        ("texture", "texture", (0.5, 2)),
    ):
        lines += [
            Trial(f"tree: {what} {getattr(tree, key) * f:g}", changed={key: getattr(tree, key) * f})
            for f in factors
            if getattr(tree, key)
        ]
    if kind == "microscopy":
        lines.append(Trial("tree: texture 10", changed={"texture": 10.0}))
    lines += [
        Trial(f"tree: leaves of {size:g} px", changed={"fine_size": size}) for size in (8.0, 12.0)
    ]
    return lines


def check(image: Sequence[Leaves], kind: str) -> None:
    """Raise unless the walk in numpy, which the trials vary, is the product's."""
    params = replace(HierarchyParams().settled(kind), walk_weight=WEIGHT)
    graph = graph_of(image[1], params)
    np.testing.assert_allclose(walked()(graph), product(graph), rtol=1e-6, atol=1e-9)


def line(name: str, found: Array, base: Array) -> str:
    """Return the mean differences of both halves, and the variation of sizes at every cut."""
    cells = [name]
    for half in (0, 1):
        change = 1e4 * (found - base)[half::2, :, :-1].mean(axis=0)
        cells += [" / ".join(f"{value:+.0f}" for value in column) for column in change.T]
    cells.append(" / ".join(f"{value:.2f}" for value in found[:, :, -1].mean(axis=0)))
    return "| " + " | ".join(cells) + " |"


def header(kind: str, first: str) -> str:
    cuts = " / ".join(map(str, CUTS[kind]))
    titles = [TITLES[key] for key in SHOWN[kind]]
    cells = [first, f"{titles[0]}, K = {cuts}", *titles[1:], *titles, "size variation"]
    return "| " + " | ".join(cells) + " |\n|" + "---|" * len(cells)


def levels(found: Array) -> str:
    """Return the means themselves, half by half."""
    halves = [found[half::2, :, :-1].mean(axis=0) for half in (0, 1)]
    return " and ".join(
        "; ".join(" / ".join(f"{v:.4f}" for v in column) for column in half.T) for half in halves
    )


def open_sets(root: Path, images: int) -> tuple[str, list[tuple[str, Dataset]]]:
    """Return the kind of the images, and the data sets with a name for each."""
    if (root / "groundTruth").is_dir():
        data = open_bsds(root, "val")
        chosen = np.unique(np.linspace(0, len(data) - 1, images).astype(int))
        return "natural", [("val", data.at(chosen.tolist()))]
    folders = [path for path in sorted(root.iterdir()) if (path / "labels").is_dir()]
    large = [path for path in folders if len(list((path / "images").iterdir())) >= FEWEST]
    return "microscopy", [(path.name, open_folder(path, half="tune")) for path in large]


def main() -> None:
    """Measure all images, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--cache", type=Path, help="folder for features and fine superpixels")
    parser.add_argument("--images", type=int, default=100, help="of BSDS500's 100")
    args = parser.parse_args()
    torch.set_num_threads(1)
    kind, sets = open_sets(args.root, args.images)
    model = load_model(kind)
    images = []
    for name, data in sets:
        for i, key in enumerate(data.names):
            path = args.cache and args.cache / name / f"{key}.npz"
            images.append(kept(path, lambda d=data, i=i: measure(d[i], kind, model)))
    check(images[0], kind)
    first, second = len(images[0::2]), len(images[1::2])
    print(f"{kind}, {first} and {second} images, weight of the walk {WEIGHT}\n")
    print(header(kind, "p"))
    settled = HierarchyParams().settled(kind)
    bases = {}
    for p in EXPONENTS[kind]:
        bases[p] = scores(images, Trial("none", None), kind, p)
        print(line(f"{p:g}", scores(images, Trial("walk"), kind, p), bases[p]), flush=True)
    print(
        "\nWithout the walk ({}), half by half:\n".format(", ".join(TITLES[k] for k in SHOWN[kind]))
    )
    for p, base in bases.items():
        variation = " / ".join(f"{v:.2f}" for v in base[:, :, -1].mean(axis=0))
        print(f"- p = {p:g}: {levels(base)}; size variation {variation}")
    assert settled.evenness is not None
    base = bases.setdefault(
        settled.evenness, scores(images, Trial("none", None), kind, settled.evenness)
    )
    print(f"\np = {settled.evenness:g}:\n\n" + header(kind, "change"))
    for trial in trials(kind):
        print(line(trial.name, scores(images, trial, kind, settled.evenness), base), flush=True)


if __name__ == "__main__":
    main()

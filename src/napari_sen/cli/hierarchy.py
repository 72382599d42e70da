"""One image in, its merge tree out: as a file, as cuts, as a map of its boundaries."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from ..errors import ParameterError
from ..io.hierarchy_file import Hierarchy
from ..io.write import IMAGE_OUT, LABELS_OUT, write_image
from ..options import Execution, Reading
from ..params import HierarchyParams, require
from ..pipeline.plan import tree_run
from .commands import save_labels, summary
from .console import Reporter
from .images import check_fit, check_outputs, load
from .options import chosen

__all__ = ["hierarchy"]

TREE_OUT = (".npz",)


def hierarchy(args: Namespace, reporter: Reporter) -> dict[str, Any]:
    """Image to superpixels of every granularity."""
    given = chosen(args, HierarchyParams)
    cuts = [(number, path) for number, path in args.cut]
    outputs = [args.output, *(path for _, path in cuts), args.ultrametric]
    _check(args, given, outputs)
    loaded = load(args)
    check_fit(loaded, [path for _, path in cuts], 1)
    run = tree_run(
        loaded.file,
        HierarchyParams(**given),
        args.n_fine,
        model=None if args.model == "none" else args.model,
        reading=Reading(**loaded.hints, mask=args.mask),
        execution=Execution(args.device),
    )
    run.run(reporter)
    tree: Hierarchy = run.result()
    for number, path in cuts:
        _check_cut(tree, number, path)
    reporter(0, 1, "writing")
    if args.output:
        tree.save(args.output, overwrite=args.overwrite)
    for number, path in cuts:
        save_labels([path], tree.cut(number), loaded, overwrite=args.overwrite)
    if args.ultrametric:
        heights = tree.ultrametric()
        write_image(args.ultrametric, heights, grid=loaded.grid, overwrite=args.overwrite)
    reporter(1, 1, "writing")
    found: dict[str, Any] = {"finest": tree.n_leaves, "coarsest": tree.n_parts}
    if cuts:
        found["cuts"] = {path: number for number, path in cuts}
    return summary(args, loaded, reporter, found, outputs)


def _check(args: Namespace, given: dict[str, Any], outputs: list[str | None]) -> None:
    """Check what can be checked before the image is read."""
    if not any(outputs):
        raise ParameterError("there is nothing to write: give -o, --cut or --ultrametric")
    if args.n_fine is not None:
        require("n_fine", args.n_fine, int, {"low": 1})
        if "fine_size" in given:
            raise ParameterError("give either --n-fine or --fine-size, not both")
    for number, path in args.cut:
        require("--cut", number, int, {"low": 1})
        if args.n_fine is not None and number > args.n_fine:
            raise ParameterError(
                f"--cut {number} {path} asks for more than the {args.n_fine} of --n-fine"
            )
    check_outputs(
        args,
        ([args.output], TREE_OUT),
        ([path for _, path in args.cut], LABELS_OUT),
        ([args.ultrametric], IMAGE_OUT),
    )


def _check_cut(tree: Hierarchy, number: int, path: str) -> None:
    if number > tree.n_leaves:
        raise ParameterError(
            f"--cut {number} {path}: the finest level has only {tree.n_leaves} superpixels; "
            "ask for more of them with --n-fine, or for smaller ones with --fine-size"
        )
    if number < tree.n_parts:
        raise ParameterError(
            f"--cut {number} {path}: {tree.n_parts} parts of the mask do not touch, so there are "
            "at least as many superpixels"
        )

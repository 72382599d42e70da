"""One image in, its merge tree out: as a file, as cuts, as a map of its boundaries."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from ..errors import ParameterError
from ..io.hierarchy_file import Hierarchy
from ..io.write import IMAGE_OUT, LABELS_OUT, check_labels_fit, write_image
from ..params import HierarchyParams, require
from ..pipeline.plan import tree_run
from .commands import save_labels
from .console import Reporter
from .job import Extra, Job, write_each
from .options import chosen

__all__ = ["hierarchy"]

TREE_OUT = (".npz",)


def hierarchy(args: Namespace, reporter: Reporter) -> dict[str, Any]:
    """Image to superpixels of every granularity."""
    given = chosen(args, HierarchyParams)
    _check(args, given)
    job, paths = Job(args, reporter, slices="each"), [path for _, path in args.cut]
    job.check(
        TREE_OUT,
        Extra("--cut", paths, LABELS_OUT),
        Extra("--ultrametric", [args.ultrametric], IMAGE_OUT),
    )
    for number, path in args.cut:
        check_labels_fit(path, 2, number)
    run = tree_run(
        job.file, HierarchyParams(**given), args.n_fine, model=job.model,
        reading=job.reading(mask=args.mask), execution=job.execution,
    )  # fmt: skip
    found = job.done(run, lambda tree: _write(args, job, tree), *paths, args.ultrametric)
    if args.cut:
        found["cuts"] = {path: number for number, path in args.cut}
    return found


def _write(args: Namespace, job: Job, tree: Hierarchy) -> None:
    for number, path in args.cut:
        _check_cut(tree, number, path)

    def save(path: str) -> None:
        tree.save(path, overwrite=args.overwrite)

    def save_cut(path: str) -> None:
        number = next(number for number, other in args.cut if other == path)
        save_labels([path], tree.cut(number), job.loaded, overwrite=args.overwrite)

    def save_heights(path: str) -> None:
        heights = tree.ultrametric()
        write_image(path, heights, grid=job.loaded.grid, overwrite=args.overwrite)

    write_each(
        *((path, save) for path in args.output),
        *((path, save_cut) for _, path in args.cut),
        *([(args.ultrametric, save_heights)] if args.ultrametric else []),
    )


def _check(args: Namespace, given: dict[str, Any]) -> None:
    """Check what can be checked before the image is read."""
    if not any((args.output, args.cut, args.ultrametric)):
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

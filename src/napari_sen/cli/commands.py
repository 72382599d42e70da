"""One image in, results out: segment, embed, pseudo-labels, contours."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.boundaries import mark_boundaries
from ..core.pca import pca_rgb
from ..io.atomic import check_folder
from ..io.write import IMAGE_OUT, LABELS_OUT, PICTURE_OUT, write_image, write_labels, write_picture
from ..options import Reading
from ..params import ContourParams, EmbedParams, PseudoLabelParams, SegmentParams
from ..pipeline.counts import count_of_image, granularities
from ..pipeline.pictures import display, middle_slice
from ..pipeline.plan import colour_run, contour_run, embedding_run, superpixel_run
from .console import Reporter
from .images import Loaded, check_fit, check_outputs, load
from .job import Extra, Job, Writing, device_name, write_each
from .options import chosen, given_params, granularity_asked

__all__ = ["contours", "embed", "pseudo_labels", "segment"]


def segment(args: Namespace, reporter: Reporter) -> dict[str, Any]:
    """Image to superpixels."""
    asked = granularity_asked(args)
    is_stack = any(isinstance(value, list) for value in asked.values())
    if is_stack:
        for name in asked:
            delattr(args, name)
    params = granularities(SegmentParams(**chosen(args, SegmentParams)), asked)
    job = Job(args, reporter, is_stored=is_stack)
    job.check(LABELS_OUT, Extra("--overlay", [args.overlay], PICTURE_OUT))
    run = superpixel_run(
        job.file, params, model=job.model, reading=job.reading(mask=args.mask),
        execution=job.execution,
    )  # fmt: skip
    if isinstance(params, SegmentParams):
        job.check_count(count_of_image(params, run.image))
    return job.done(run, lambda labels: _write_superpixels(args, job, labels), args.overlay)


def _write_superpixels(args: Namespace, job: Job, labels: np.ndarray) -> None:
    def draw(path: str) -> None:
        write_picture(path, overlay(job.loaded, labels), overwrite=args.overwrite)

    write_each(
        *labels_to(args.output, labels, job.loaded, overwrite=args.overwrite),
        *([(args.overlay, draw)] if args.overlay else []),
    )


def embed(args: Namespace, reporter: Reporter) -> dict[str, Any]:
    """Image to its embedding, and to that as colours."""
    params, job = EmbedParams(**chosen(args, EmbedParams)), Job(args, reporter)
    pictures = (".zarr",) if job.is_stored else PICTURE_OUT
    job.check(IMAGE_OUT, Extra("--pca", [args.pca], pictures, in_tiles=True))
    run = embedding_run(
        job.file, clustered=params.clustered, model=job.model,
        reading=job.reading(mask=args.mask), execution=job.execution,
    )  # fmt: skip
    found = job.done(run, lambda embedding: _write_embedding(args, job, embedding), args.pca)
    if job.is_stored and args.pca is not None:
        how = replace(job.execution, out=args.pca)
        colour_run(args.output[0], reading=Reading(slices=args.slices), execution=how).run(reporter)
    return found


def _write_embedding(args: Namespace, job: Job, embedding: np.ndarray) -> None:
    def save(path: str) -> None:
        write_image(
            path, embedding, grid=job.loaded.grid, channels_last=True, overwrite=args.overwrite
        )

    def draw(path: str) -> None:
        picture = pca_rgb(middle_slice(embedding, 3))
        write_picture(path, picture, overwrite=args.overwrite)

    pictures = [(args.pca, draw)] if args.pca else []
    write_each(*((path, save) for path in args.output), *pictures)


def pseudo_labels(args: Namespace, reporter: Reporter) -> dict[str, Any]:
    """Image to colour superpixels at many scales."""
    params = given_params(args, PseudoLabelParams)
    folder = check_folder(args.output)
    stem = Path(args.image).stem
    names = {
        (spacing, compactness): folder / f"{stem}_s{spacing:g}_c{compactness:g}{args.suffix}"
        for spacing in params.spacings
        for compactness in params.compactnesses
    }
    if folder.exists():
        check_outputs(args, (names.values(), LABELS_OUT))
    loaded = load(args, slices="each")
    pixels = math.prod(loaded.canvas.shape)  # labels are unique over all slices
    check_fit(loaded, [f"x{args.suffix}"], int(pixels / min(params.spacings) ** 2))
    from ..pipeline.pseudo_labels import pseudo_labels as run

    how = loaded.reading
    axes: dict[str, Any] = {"rgb": how.rgb, "channel_axis": how.channel_axis, "slices": how.slices}
    maps = run(loaded.file, **params.to_dict(), **axes, progress=reporter)
    reporter(0, 1, "writing")
    folder.mkdir(exist_ok=True)
    for key, labels in maps.items():
        write_labels(names[key], labels, grid=loaded.grid, overwrite=args.overwrite)
    found = {"maps": len(maps)}
    reporter(1, 1, "writing")
    return summary(args, loaded, reporter, found, [str(path) for path in names.values()])


def contours(args: Namespace, reporter: Reporter) -> dict[str, Any]:
    """Image to contours."""
    params = ContourParams(**chosen(args, ContourParams))
    job = Job(args, reporter, slices="each")
    job.check(IMAGE_OUT, Extra("--picture", [args.picture], PICTURE_OUT))
    run = contour_run(
        job.file, params, model=job.model, reading=job.reading(), execution=job.execution
    )
    return job.done(run, lambda edges: _write_contours(args, job, edges), args.picture)


def _write_contours(args: Namespace, job: Job, edges: np.ndarray) -> None:
    def save(path: str) -> None:
        write_image(path, edges, grid=job.loaded.grid, overwrite=args.overwrite)

    def draw(path: str) -> None:
        grey = np.rint(middle_slice(edges, 2) * 255).astype(np.uint8)
        write_picture(path, np.repeat(grey[..., None], 3, -1), overwrite=args.overwrite)

    pictures = [(args.picture, draw)] if args.picture else []
    write_each(*((path, save) for path in args.output), *pictures)


def overlay(loaded: Loaded, labels: np.ndarray) -> np.ndarray:
    """Draw the boundaries on the image, on the middle slice of a stack."""
    return mark_boundaries(display(loaded.canvas), middle_slice(labels, 2))


def save_labels(
    paths: Iterable[str], labels: np.ndarray, loaded: Loaded, *, overwrite: bool
) -> None:
    """Write a label map to each path, with the image beside it where the format holds both."""
    write_each(*labels_to(paths, labels, loaded, overwrite=overwrite))


def labels_to(
    paths: Iterable[str], labels: np.ndarray, loaded: Loaded, *, overwrite: bool
) -> list[Writing]:
    """Return each path with what writes a label map to it."""
    image, channel_axis = loaded.stored

    def save(path: str) -> None:
        write_labels(
            path,
            labels,
            grid=loaded.grid,
            image=image,
            channel_axis=channel_axis,
            rgb=loaded.canvas.rgb,
            overwrite=overwrite,
        )

    return [(path, save) for path in paths]


def superpixels(labels: np.ndarray) -> dict[str, Any]:
    """Return the number of superpixels really made."""
    return {"superpixels": int(np.count_nonzero(np.bincount(labels.ravel())[1:]))}


def summary(
    args: Namespace,
    loaded: Loaded,
    reporter: Reporter,
    found: dict[str, Any],
    outputs: Sequence[str | None],
) -> dict[str, Any]:
    """Return what the command says at its end."""
    reporter.stage_done()
    about: dict[str, Any] = {"image": str(args.image), "shape": list(np.shape(loaded.file.data))}
    if hasattr(args, "model"):
        about |= {"model": args.model, "device": device_name(args)}
    seconds = {stage: round(value, 3) for stage, value in reporter.seconds.items()}
    return about | found | {"seconds": seconds, "outputs": [path for path in outputs if path]}

"""Objects: superpixels with classes to files; recipes, and what they make of a folder."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from ..errors import Cancelled, WorkError
from ..io.atomic import check_output
from ..io.objects import check_objects_out
from ..io.recipe_file import Recipe
from ..options import Reading
from ..params import SegmentParams
from .console import Reporter
from .images import given_spacing
from .job import write_each
from .options import chosen, granularity_asked

__all__ = ["apply", "export", "recipe"]


def export(args: Namespace, reporter: Reporter) -> dict[str, Any]:
    """Superpixels and their classes to files."""
    inputs = [path for path in (args.labels, args.classes, args.image) if path]
    for path in args.output:
        check_objects_out(path, overwrite=args.overwrite, inputs=inputs)
    from ..pipeline.annotations import read_classes
    from ..pipeline.objects import objects

    reporter(0, 1, "measuring")
    classes, names = None, tuple[str, ...]()
    if args.classes:
        classes, names = read_classes(args.labels, args.classes, share=args.share)
    if args.class_names:
        names = (*args.class_names, *names[len(args.class_names) :])
    found = objects(
        args.labels, classes, class_names=names, image=args.image,
        channel_names=args.channel_names, rgb=args.rgb, channel_axis=args.channel_axis,
        slices=args.slices, spacing=_spacing(args), unit=args.unit,
    )  # fmt: skip
    reporter(1, 1, "measuring")
    reporter(0, 1, "writing")

    def save(path: str) -> None:
        found.save(path, overwrite=args.overwrite)

    write_each(*((path, save) for path in args.output))
    reporter(1, 1, "writing")
    reporter.stage_done()
    about: dict[str, Any] = {"labels": args.labels, "objects": len(found)}
    if classes is not None:
        about["classes"] = found.counts()
    return about | {"outputs": args.output}


def recipe(args: Namespace, reporter: Reporter) -> dict[str, Any]:
    """Parameters and annotated images to a recipe."""
    granularity_asked(args)
    given = chosen(args, SegmentParams)
    inputs = [path for pair in args.teach for path in pair]
    check_output(args.output, suffixes=(".json",), inputs=inputs, overwrite=args.overwrite)
    found = Recipe(
        SegmentParams(**given),
        None if args.model == "none" else args.model,
        reading=Reading(args.rgb, args.channel_axis, args.slices, _spacing(args), args.kind),
    )
    from ..pipeline.cooking import teach

    for image, annotation in args.teach:
        found = teach(
            found, image, annotation, share=args.share, device=args.device, progress=reporter
        )
    found.save(args.output, overwrite=args.overwrite)
    reporter.stage_done()
    return {
        "classes": list(found.class_names),
        "examples": len(found.examples.classes),
        "outputs": [args.output],
    }


def apply(args: Namespace, reporter: Reporter) -> dict[str, Any]:
    """Follow a recipe on all images of a folder; failures are told at the end."""
    from ..pipeline.apply import SUMMARY
    from ..pipeline.apply import apply as run

    images = args.images[0] if len(args.images) == 1 else args.images
    try:
        found = run(
            args.recipe, images, args.output, formats=args.formats, device=args.device,
            overwrite=args.overwrite, progress=reporter,
        )  # fmt: skip
    except KeyboardInterrupt as stop:
        raise Cancelled(
            f"what is done is kept in {args.output}; go on with the same command"
        ) from stop
    reporter.stage_done()
    summary = str(Path(args.output) / SUMMARY)
    if found.failures:
        for name, message in found.failures.items():
            reporter.say(f"failed: {name}: {message}")
        raise WorkError(
            f"{len(found.failures)} of {len(found.rows)} images failed "
            f"({', '.join(found.failures)}); all others are done: see {summary}"
        )
    done = sum(row["objects"] for row in found.rows)
    return {"images": len(found.rows), "objects": done, "outputs": [summary]}


def _spacing(args: Namespace) -> tuple[float, ...] | None:
    """Return the pixel size as it is given, one number for every spatial axis."""
    if args.spacing is None:
        return None
    if len(args.spacing) > 1:
        return tuple(args.spacing)  # as many as there are axes, which the image will tell
    return given_spacing(args.spacing, 3 if args.slices == "volume" else 2)

"""One image larger than memory in, its labels, embedding or contours out, tile by tile."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from ..errors import ParameterError
from ..io.atomic import check_output
from ..io.image_file import ImageFile
from ..io.read import open_image
from ..params import ContourParams, SegmentParams
from ..tiles.source import open_source
from .console import Reporter
from .images import given_spacing, reading

__all__ = ["contours_tiled", "embed_tiled", "goes_in_tiles", "segment_tiled"]


def goes_in_tiles(args: Namespace) -> bool:
    """Return whether an option or the image's size asks for tiles."""
    from ..pipeline.route import is_tiled

    if args.resume:
        return True
    return is_tiled(
        args.image, tile=args.tile, scheduler=args.scheduler, with_model=args.model != "none"
    )


def segment_tiled(args: Namespace, given: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Image to superpixels in tiles."""
    from ..pipeline.lazy import segment_run

    if args.overlay:
        raise ParameterError("in tiles no picture is drawn: leave out --overlay, and see napari")
    file, options = _common(args)
    run = segment_run(args.image, SegmentParams(**given), **options, mask=args.mask)
    run.run(reporter)
    found = {"superpixels": run.n_labels}
    return _summary(args, file, reporter, found, [args.output[0]])


def embed_tiled(args: Namespace, given: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Image to its embedding in tiles, and to that as colours."""
    from ..pipeline.lazy import embed_run, pca_run

    file, options = _common(args)
    again = {"resume": args.resume, "overwrite": args.overwrite}
    if args.pca is not None:
        check_output(args.pca, suffixes=(".zarr",), inputs=[args.image], overwrite=True)
    run = embed_run(args.image, **given, **options)
    run.run(reporter)
    outputs = [args.output[0]]
    if args.pca is not None:
        pca_run(
            outputs[0], out=args.pca, slices=args.slices, scheduler=options["scheduler"], **again
        ).run(reporter)
        outputs.append(args.pca)
    return _summary(args, file, reporter, {"dimensions": run.dim}, outputs)


def contours_tiled(args: Namespace, given: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Image to contours in tiles."""
    from ..pipeline.lazy import contour_run

    if args.picture:
        raise ParameterError("in tiles no picture is drawn: leave out --picture, and see napari")
    file, options = _common(args, slices="each")
    run = contour_run(args.image, ContourParams(**given), **options)
    run.run(reporter)
    return _summary(args, file, reporter, {}, [args.output[0]])


def _common(args: Namespace, *, slices: str | None = None) -> tuple[ImageFile, dict[str, Any]]:
    """Return the image, lazily, and the arguments that all runs share.

    ``slices`` is how a stack is meant where no option says it.
    """
    if len(args.output) > 1:
        raise ParameterError("in tiles there is one output, an OME-Zarr: give -o once")
    file = open_image(args.image)
    hints = reading(args, file, slices=slices)
    source = open_source(file, **hints)
    return file, hints | {
        "model": None if args.model == "none" else args.model,
        "device": args.device,
        "spacing": given_spacing(args, source.n_spatial),
        "tile": args.tile,
        "out": args.output[0],
        "scheduler": _scheduler(args.scheduler),
        "resume": args.resume,
        "overwrite": args.overwrite,
    }


def _summary(
    args: Namespace,
    file: ImageFile,
    reporter: Reporter,
    found: dict[str, Any],
    outputs: list[str],
) -> dict[str, Any]:
    reporter.stage_done()
    about = {"image": str(args.image), "shape": list(file.data.shape), "model": args.model}
    seconds = {stage: round(value, 3) for stage, value in reporter.seconds.items()}
    return about | found | {"seconds": seconds, "outputs": outputs}


def _scheduler(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdecimal() else text

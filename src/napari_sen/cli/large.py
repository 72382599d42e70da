"""One image larger than memory in, its labels out, tile by tile."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from ..errors import ParameterError
from ..large.image_file import ImageFile
from ..large.source import open_source
from ..large.store import open_image
from ..params import SegmentParams
from .console import Reporter
from .images import given_spacing, reading

__all__ = ["goes_in_tiles", "segment_tiled"]


def goes_in_tiles(args: Namespace) -> bool:
    """Return whether an option or the image's size asks for tiles."""
    from ..pipeline.lazy import is_tiled

    if args.resume:
        return True
    return is_tiled(
        args.image, tile=args.tile, scheduler=args.scheduler, with_model=args.model != "none"
    )


def segment_tiled(args: Namespace, given: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Image to superpixels in tiles."""
    from ..pipeline.lazy import segment_run

    if len(args.output) > 1 or args.overlay:
        raise ParameterError(
            "in tiles there is one output, an OME-Zarr: give -o once, and no --overlay"
        )
    file: ImageFile = open_image(args.image)
    hints = reading(args, file)
    source = open_source(file, **hints)
    run = segment_run(
        args.image,
        SegmentParams(**given),
        **hints,
        model=None if args.model == "none" else args.model,
        device=args.device,
        mask=args.mask,
        spacing=given_spacing(args, source.n_spatial),
        tile=args.tile,
        out=args.output[0],
        scheduler=_scheduler(args.scheduler),
        resume=args.resume,
        overwrite=args.overwrite,
    )
    run.run(reporter)
    reporter.stage_done()
    seconds = {stage: round(value, 3) for stage, value in reporter.seconds.items()}
    return {
        "image": str(args.image),
        "shape": list(file.data.shape),
        "model": args.model,
        "superpixels": run.n_labels,
        "seconds": seconds,
        "outputs": list(args.output),
    }


def _scheduler(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdecimal() else text

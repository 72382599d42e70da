"""The whole chain on a picture that comes with the package."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from ..core.pca import pca_rgb
from ..data import DEMO, load_sample, sample_path
from ..io.atomic import check_folder
from ..io.write import LABELS_OUT, PICTURE_OUT, write_picture
from ..pipeline.pictures import middle_slice
from .commands import overlay, save_labels, summary, superpixels
from .console import Reporter
from .images import check_outputs, load

__all__ = ["demo"]


def demo(args: Namespace, reporter: Reporter) -> dict[str, Any]:
    """Segment and embed a sample image; write labels, overlay and embedding."""
    name = args.sample or DEMO
    _, about = load_sample(name)
    folder = check_folder(args.output)
    labels_out = [str(folder / f"{name}_superpixels{suffix}") for suffix in (".tif", ".zarr")]
    overlay_out, pca_out = (str(folder / f"{name}_{what}.png") for what in ("overlay", "embedding"))
    if folder.exists():
        check_outputs(args, (labels_out, LABELS_OUT), ([overlay_out, pca_out], PICTURE_OUT))
    args.image, args.model = str(sample_path(name)), "auto"
    args.rgb, args.channel_axis, args.slices = about["rgb"], None, about["slices"]
    args.spacing, args.series = about["spacing"], None
    loaded = load(args)
    from ..pipeline.embed import embed
    from ..pipeline.segment import segment

    image, how = loaded.file, loaded.reading
    hints: dict[str, Any] = {"rgb": how.rgb, "channel_axis": how.channel_axis, "slices": how.slices}
    labels = segment(image, **hints, spacing=how.spacing, device=args.device, progress=reporter)
    embedding = embed(image, **hints, device=args.device, progress=reporter)
    reporter(0, 1, "writing")
    folder.mkdir(exist_ok=True)
    save_labels(labels_out, labels, loaded, overwrite=args.overwrite)
    write_picture(overlay_out, overlay(loaded, labels), overwrite=args.overwrite)
    write_picture(pca_out, pca_rgb(middle_slice(embedding, 3)), overwrite=args.overwrite)
    outputs = [*labels_out, overlay_out, pca_out]
    reporter(1, 1, "writing")
    return summary(args, loaded, reporter, superpixels(labels), outputs)

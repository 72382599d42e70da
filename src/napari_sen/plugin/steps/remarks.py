"""What there is to say of the superpixels shown that is not to be seen."""

from __future__ import annotations

from ..state.cut import is_finished
from ..state.layer_image import LayerImage
from ..state.storage import why_tiled
from .session import Session
from .steps import STEPS

__all__ = ["remark"]

UNFINISHED = "Not finished: these are the finest pieces so far. Sliders act once all are there."
ON_DISK = (
    "These superpixels lie on disk and keep their number{}: choose another, then press {} to make "
    "them anew."
)
TOO_LARGE = ", as the image is too large for live sliders"


def remark(session: Session, step: str, source: LayerImage) -> str:
    """Return a sentence or two: that tiles are needed, or that the result lies elsewhere."""
    granularity = session.granularity
    trees, about = granularity.trees, granularity.about
    if trees is not None and trees.where != source.where:
        text = f"These superpixels are of {trees.where or 'the whole stack'}."
        return f"{text} Press the button for {source.where}." if source.where else text
    if about is not None and "stored" in about.extra:
        made_by = about.extra["stored"]
        if is_finished(granularity.layer):
            why = TOO_LARGE if made_by == step else ""
            return ON_DISK.format(why, STEPS[made_by].title)
        return UNFINISHED if made_by == step else ""
    tiled = STEPS[step].tiled
    assert tiled is not None
    return why_tiled(source, tiled.product, session.model is not None)

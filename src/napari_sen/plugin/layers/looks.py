"""How superpixels are drawn: outlines of one clear colour, mean or random colours, or not at all.

No Qt in here; napari's colormaps are made when they are needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from skimage.color import rgb2lab

from ..state.cut import is_finished
from ..state.placement import full_resolution, pixel_size
from .made import Made, made_of

__all__ = ["LINE", "LOOKS", "Look", "Looks", "clearest", "lacks_means", "line_width"]

Look = Literal["outline", "mean", "random", "none"]
LOOKS: dict[Look, str] = {
    "outline": "Outlines",
    "mean": "Mean colours",
    "random": "Random colours",
    "none": "Image only",
}
LINE = 1.5  # px of the screen that an outline is wide
# Candidates for outlines, bright and far from each other.
COLOURS = ("#ffff00", "#00ffff", "#ff00ff", "#00ff00", "#ffffff", "#ff3b30", "#0050ff", "#000000")
_SAMPLE = 64  # px along each axis that the contrast is looked at
_RANDOM_OPACITY = 0.55
_UNFINISHED_OPACITY = 0.4  # the finest pieces lie close
MOST_COLOURS = 2**16  # that a graphics card looks up


class Looks:
    """How all superpixels of the plugin look; ``changed`` is emitted when that is another.

    Attributes
    ----------
    look : {"outline", "mean", "random", "none"}
    colour : str or None
        Of outlines; None: the clearest on the image.
    zoom : float
        Pixels of the screen that one unit of the world takes.
    displayed : int
        Dimensions that the viewer shows.
    lines : bool
        Whether someone draws outlines on the canvas; napari's own contours serve where not.
    """

    changed = Signal()

    def __init__(self) -> None:
        self._look: Look = "outline"
        self._colour: str | None = None
        self.zoom, self.displayed, self.lines = 1.0, 2, False

    @property
    def look(self) -> Look:
        """What is drawn."""
        return self._look

    @look.setter
    def look(self, look: Look) -> None:
        self._look = look
        self.changed.emit()

    @property
    def colour(self) -> str | None:
        """Colour of outlines."""
        return self._colour

    @colour.setter
    def colour(self, colour: str | None) -> None:
        self._colour = colour
        self.changed.emit()

    def colour_on(self, layer: Any) -> str:
        """Return the colour of the outlines of a layer."""
        if self.colour is not None:
            return self.colour
        about = made_of(layer)
        if about is None:
            return COLOURS[0]
        if "outline" not in about.extra:
            about.extra["outline"] = clearest(_seen(about.source))
        return str(about.extra["outline"])

    def apply(self, layer: Any) -> None:
        """Draw a layer of superpixels that way."""
        about = made_of(layer)
        if about is None:
            return
        look = self.drawn(layer)
        layer.visible = look != "none"
        if look == "none":
            return
        if self.is_lined(layer):
            _set(layer, "contour", 0)
            _set_one_colour(layer, "transparent")
            return
        if look == "outline":
            _set_one_colour(layer, self.colour_on(layer))
            _set(layer, "contour", line_width(layer, self.zoom))
            _set(layer, "opacity", 1.0 if is_finished(layer) else _UNFINISHED_OPACITY)
            return
        _set(layer, "contour", 0)
        if look == "mean":
            _set(layer, "colormap", mean_colours(about, layer))
            _set(layer, "opacity", 1.0)
        else:
            _set(layer, "colormap", _random())
            _set(layer, "opacity", _RANDOM_OPACITY)

    def drawn(self, layer: Any) -> Look:
        """Return how a layer is drawn: in outlines where its mean colours are not to be had."""
        return "outline" if self.look == "mean" and lacks_means(layer) else self.look

    def is_lined(self, layer: Any) -> bool:
        """Return whether the outlines of a layer are drawn as lines on the canvas."""
        about = made_of(layer)
        if about is None or about.what != "superpixels" or "stored" in about.extra:
            return False  # what lies on disk is not read as a whole
        return self.lines and self.drawn(layer) == "outline" and not layer.multiscale

    def follow_zoom(self, layers: Sequence[Any], zoom: float) -> None:
        """Keep the outlines as wide on the screen as they are."""
        self.zoom = zoom
        for layer in layers:
            about = made_of(layer)
            if about is not None and about.what == "superpixels" and layer.contour > 0:
                _set(layer, "contour", line_width(layer, zoom))


def line_width(layer: Any, zoom: float) -> int:
    """Return napari's contour width for a line of :data:`LINE` px on the screen.

    napari draws one pixel of the data more than it is told, and two at least.
    """
    seen = zoom * float(pixel_size(layer)[-1])
    if layer.multiscale:
        seen *= float(np.asarray(layer.downsample_factors)[layer.data_level, -1])
    return int(np.clip(round(LINE / max(seen, 1e-9)) - 1, 1, 12))


def clearest(pixels: NDArray[np.floating] | None) -> str:
    """Return the colour that stands out most from the pixels of an image, RGB 0 to 1.

    Its distance in CIELAB from nearly all of them (all but a tenth) is the largest.
    """
    if pixels is None or len(pixels) == 0:
        return COLOURS[0]
    lab = rgb2lab(pixels.reshape(1, -1, 3))[0]
    own = rgb2lab(np.array([_rgb(colour) for colour in COLOURS])[None])[0]
    far = np.linalg.norm(lab[:, None] - own[None], axis=-1)
    return COLOURS[int(np.percentile(far, 10, axis=0).argmax())]


def mean_colours(about: Made, layer: Any) -> Any:
    """Return the colormap that shows each superpixel in the mean colour of its image."""
    from napari.utils.colormaps import CyclicLabelColormap

    table = _table(about)
    names = [name for name in table if name.startswith("mean ")]
    values = np.column_stack([table[name] for name in names])
    index = np.asarray(table["index"])
    colours = np.zeros((int(index.max()) + 2, 4), np.float32)
    colours[index, :3] = _as_seen(values, about.source)
    colours[index, 3] = 1
    return CyclicLabelColormap(colors=colours)


def lacks_means(layer: Any) -> str:
    """Return one sentence why a layer cannot be shown in mean colours; empty where it can."""
    about = made_of(layer)
    if about is None:
        return ""
    table = _table(about)
    if not len(table["index"]):
        return "What lies on disk alone has no mean colours: it is not read as a whole"
    if int(np.asarray(table["index"]).max()) + 2 > MOST_COLOURS:
        return f"Up to {MOST_COLOURS - 2:,} superpixels can be shown in mean colours"
    return ""


def _table(about: Made) -> Mapping[str, Any]:
    """Return what is known of the superpixels shown, or else of all that there are."""
    shown: Mapping[str, Any] | None = about.extra.get("shown")
    return shown or about.table or {"index": np.empty(0, np.int64)}


def _as_seen(values: NDArray[np.floating], image: Any) -> NDArray[np.floating]:
    """Return values of the channels of an image in the colours in which that is shown."""
    if image is not None and image.rgb:
        top = 255.0 if full_resolution(image).dtype.kind in "ui" else 1.0
        return np.asarray(np.clip(values[:, :3] / top, 0, 1))
    if values.shape[1] == 1 and image is not None:
        low, high = image.contrast_limits
        scaled = np.clip((values[:, 0] - low) / max(high - low, 1e-12), 0, 1) ** image.gamma
        return np.asarray(image.colormap.map(scaled))[:, :3]
    low, high = np.percentile(values, 1, axis=0), np.percentile(values, 99, axis=0)
    scaled = np.clip((values - low) / np.maximum(high - low, 1e-12), 0, 1)
    if scaled.shape[1] == 1:
        return np.repeat(scaled, 3, axis=1)
    # Channels in the colours of microscopes; more than six are given them again.
    own = np.array([(1, 0, 1), (0, 1, 0), (0, 0.6, 1), (1, 0.6, 0), (1, 1, 0), (1, 0, 0)], float)
    return np.asarray(np.clip(scaled @ own[np.arange(scaled.shape[1]) % len(own)], 0, 1))


def _seen(image: Any) -> NDArray[np.floating] | None:
    """Return some pixels of an image in the colours in which it is shown; None without one."""
    if image is None:
        return None
    data = image.data[-1] if image.multiscale else image.data
    if not isinstance(data, np.ndarray) or data.size == 0:
        return None
    plane = data[tuple(length // 2 for length in data.shape[: data.ndim - 2 - image.rgb])]
    steps = [max(1, length // _SAMPLE) for length in plane.shape[:2]]
    part = np.asarray(plane[:: steps[0], :: steps[1]], float)
    values = part.reshape(-1, 3 if image.rgb and part.shape[-1] == 3 else part.shape[-1])
    values = values[:, :3] if image.rgb else part.reshape(-1, 1)
    return _as_seen(np.nan_to_num(values), image)


def _set_one_colour(layer: Any, colour: str) -> None:
    """Draw all labels in one colour.

    Not again if they are: of a colormap napari makes a texture of all labels that there could be,
    which takes a fifth of a second.
    """
    from napari.utils.colormaps import DirectLabelColormap

    wanted = DirectLabelColormap(color_dict={None: colour, 0: "transparent"})
    now = layer.colormap
    if isinstance(now, DirectLabelColormap) and now.color_dict.keys() == wanted.color_dict.keys():
        pairs = ((now.color_dict[key], wanted.color_dict[key]) for key in wanted.color_dict)
        if all(np.array_equal(*pair) for pair in pairs):
            return
    layer.colormap = wanted


def _random() -> Any:
    from napari.utils.colormaps import label_colormap

    return label_colormap(49, 0.5)


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))


def _set(layer: Any, name: str, value: Any) -> None:
    """Set a property of a layer that is another one: setting draws it anew."""
    if isinstance(value, int | float) and getattr(layer, name) == value:
        return
    setattr(layer, name, value)

"""What a person has chosen: the image and how it is read, the model, all parameters; events out.

The session of the steps is made of it. There is no step in here, and no result.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

from psygnal import Signal

from ...errors import ImageError, ParameterError
from ...params import Kind, Params
from .channels import fits_as_channel, guess_channel_axis, likely_channels
from .layer_image import LayerImage, Stack
from .observed import Observed
from .placement import full_resolution, pixel_size
from .source import source_of
from .storage import Storage

__all__ = ["TRAIN_ON", "Choices", "SizeBy", "TrainOn"]

# What can be trained on, and how a person reads it.
TrainOn = Literal["image", "layers", "folder"]
TRAIN_ON: dict[TrainOn, str] = {
    "image": "The image above",
    "layers": "The layers selected in the list",
    "folder": "A folder of images",
}
# Whether the size of superpixels follows the image, or was given, and as what.
SizeBy = Literal["image", "number", "diameter"]


class Choices:
    """Everything that can be chosen.

    ``changed`` is emitted with the name of what is another one now: an attribute from ``layer``
    to ``storage`` below, or a parameter class. With ``layer`` come its channel axis, its likely
    channels, no mask of non-numbers, the current slice, the size that suits it, and no stores.

    Attributes
    ----------
    layer : napari.layers.Image or None
        The chosen layer.
    pinned : bool
        Whether it stays, whatever layer is selected in the viewer.
    channel_axis : int or None
        Its axis that holds channels.
    stack : {"slice", "each", "volume"}
        How to treat more than two axes.
    kind : {"natural", "microscopy"} or None
        What the image shows; None: what is likely.
    region : None, "view" or napari.layers.Shapes
        The whole image, what the viewer shows of it, or what lies in the shapes.
    mask : napari.layers.Labels or None
        Only where its labels are not 0.
    finite_only : bool
        Leave out pixels that are NaN or infinite.
    channels : list of napari.layers.Image
        Further layers that are channels of the image.
    size_by : {"image", "number", "diameter"}
        What the size of superpixels follows.
    number : int
        How many superpixels, by number.
    diameter : float
        How large they are, by diameter, in the units of the layer.
    evenness : float or None
        0: superpixels follow objects; 1: they are of even size; None: what suits the kind.
    model : str or None
        ``"auto"``, a model's name, or None for colour alone.
    device : str
        ``"auto"`` or a device's name.
    new_model : str
        Name under which a trained model is saved.
    all_channels : bool
        Whether the step Embed gives the embedding itself beside its picture.
    train_on : {"image", "layers", "folder"}
        What it is trained on: the chosen image, ``train_layers``, or the images in
        ``train_folder``.
    train_layers : list of napari.layers.Image
        Several layers to train on.
    start_model : str or None
        The model that a training goes on from.
    storage : dict
        For each step that can: whether it works in tiles, and where its result goes then;
        :meth:`store` changes it.
    params : dict
        The parameter set of each class; :meth:`set` changes them.
    resume : bool
        Whether the next training goes on with the unfinished one of its name.
    """

    changed = Signal(str)

    layer: Observed[Any] = Observed()
    pinned: Observed[bool] = Observed()
    channel_axis: Observed[int | None] = Observed()
    stack: Observed[Stack] = Observed()
    kind: Observed[Kind | None] = Observed()
    region: Observed[Any] = Observed()
    mask: Observed[Any] = Observed()
    finite_only: Observed[bool] = Observed()
    channels: Observed[list[Any]] = Observed()
    size_by: Observed[SizeBy] = Observed()
    number: Observed[int] = Observed()
    diameter: Observed[float] = Observed()
    evenness: Observed[float | None] = Observed()
    model: Observed[str | None] = Observed()
    device: Observed[str] = Observed()
    new_model: Observed[str] = Observed()
    all_channels: Observed[bool] = Observed()
    train_on: Observed[TrainOn] = Observed()
    train_layers: Observed[list[Any]] = Observed()
    train_folder: Observed[str] = Observed()
    start_model: Observed[str | None] = Observed()
    storage: Observed[dict[str, Storage]] = Observed()

    def __init__(self, kinds: Iterable[type[Params]], stored: Iterable[str]) -> None:
        self._stored = tuple(stored)
        self.layer = None
        self.pinned = False
        self.channel_axis = None
        self.stack = "slice"
        self.region = None
        self.mask = None
        self.finite_only = False
        self.channels = []
        self.train_layers = []
        self.resume = False
        self.params: dict[type[Params], Params] = {kind: kind() for kind in kinds}
        self.reset()

    def reset(self) -> None:
        """Set parameters and choices to their defaults."""
        self.set(*(kind() for kind in self.params))
        self.kind = None
        self.size_by = "image"
        self.number, self.diameter = 500, 20.0
        self.evenness = None
        self.model = "auto"
        self.device = "auto"
        self.new_model = "my-model"
        self.all_channels = False
        self.train_on = "image"
        self.train_folder = ""
        self.start_model = None
        self.storage = {step: Storage() for step in self._stored}

    def choose(self, layer: Any, offered: Iterable[Any] = ()) -> None:
        """Take another layer (or None), and guess how it is to be read.

        Parameters
        ----------
        layer : napari.layers.Image or None
        offered : iterable of layers
            Those of the viewer, among which there may be further channels of it.
        """
        if layer is self.layer:
            return
        alike = _alike(layer, self.layer)
        with self.changed.blocked():  # nobody is to see the new layer with the old one's axis
            self.layer = layer
            self.finite_only = False
            self.storage = {step: Storage() for step in self._stored}
            if not alike:
                self.channel_axis = None if layer is None else guess_channel_axis(layer)
                self.stack = "slice"
                self.size_by, self.kind = "image", None
            fitting = [other for other in offered if fits_as_channel(other, layer)]
            self.channels = [] if self.channel_axis is not None else likely_channels(layer, fitting)
        self.changed.emit("layer")

    def set(self, *params: Params) -> None:
        """Replace parameter sets; each is valid, for it could be made."""
        for group in params:
            if type(group) not in self.params:
                raise ParameterError(f"the plugin has no use for {type(group).__name__}")
            if group != self.params[type(group)]:
                self.params[type(group)] = group
                self.changed.emit(type(group).__name__)

    def ask(
        self,
        number: int | None = None,
        *,
        diameter: float | None = None,
        evenness: float | None = None,
    ) -> None:
        """Ask for superpixels by their number or their diameter, and how even they are to be."""
        if number is not None and diameter is not None:
            raise ParameterError("give either a number or a diameter, not both")
        if number is not None:
            self.number, self.size_by = number, "number"
        if diameter is not None:
            self.diameter, self.size_by = diameter, "diameter"
        if evenness is not None:
            self.evenness = evenness

    def store(self, step: str, storage: Storage) -> None:
        """Say whether a step works in tiles, and where its result goes."""
        if step not in self._stored:
            raise ParameterError(
                f"the step {step!r} does not work in tiles; these do: {', '.join(self._stored)}"
            )
        self.storage = self.storage | {step: storage}

    def source(self, point: tuple[float, ...] | None = None) -> LayerImage:
        """Return the chosen image as the API reads it; ``point`` says which slice is shown."""
        if self.layer is None:
            raise ImageError("there is no image: open one, or take a sample from the File menu")
        return source_of(
            self.layer,
            channel_axis=self.channel_axis,
            stack=self.stack,
            point=point,
            region=self.region,
            mask=self.mask,
            channels=self.channels,
            kind=self.kind,
            finite_only=self.finite_only,
        )

    def stores(self, suffixes: dict[str, str]) -> dict[str, Storage]:
        """Return where tiled results of the chosen image go.

        Parameters
        ----------
        suffixes : dict
            What the store of each step is called.
        """
        if self.layer is None:
            return {}
        return {
            step: replace(storage, path=str(storage.goal(self.layer, suffixes[step])))
            for step, storage in self.storage.items()
        }


def _alike(one: Any, other: Any) -> bool:
    """Return whether two layers are read alike: of one shape and pixel size."""
    if one is None or other is None or one.rgb != other.rgb or one.ndim != other.ndim:
        return False
    same = full_resolution(one).shape == full_resolution(other).shape
    sizes = zip(pixel_size(one), pixel_size(other), strict=True)
    return bool(same and all(abs(a - b) <= 1e-9 * abs(a) for a, b in sizes))

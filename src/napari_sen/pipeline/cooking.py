"""A recipe followed on one image, and taught by an annotated one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError, ParameterError
from ..io.image_file import ImageFile
from ..io.objects import Objects
from ..io.read import resolve
from ..io.recipe_file import Recipe
from ..learn.classes import Examples, propagate
from ..options import Execution
from ..params import Kind, shown
from ..progress import Progress, check_progress, report
from ..tiles.image import settle
from .annotations import read_classes
from .describe import Description, describe
from .model_choice import choose_model, loaded
from .objects import measured_on, objects_of
from .plan import superpixel_run

if TYPE_CHECKING:
    from ..learn.remember import RememberingModel

__all__ = ["Cook", "apply_to", "teach"]

REMEMBERED = 1_000_000_000  # bytes of embeddings that are not computed twice


class Cook:
    """A recipe with its models at hand.

    Parameters
    ----------
    recipe : Recipe
    device : str

    Raises
    ------
    DeviceError, ModelError
        If its device or model is not there, or the model is another one by now.
    """

    def __init__(self, recipe: Recipe, device: str = "auto") -> None:
        if not isinstance(recipe, Recipe):
            raise ParameterError(f"give a Recipe (Recipe.load reads a file), got {shown(recipe)}")
        self.recipe, self.device = recipe, device
        self._models: dict[str, RememberingModel] = {}
        choose_model(None, device)  # refuses one that is not there
        if recipe.model not in (None, "auto"):
            self.model("natural")

    def model(self, kind: Kind) -> RememberingModel | None:
        """Return the model for a kind of image, loaded once."""
        name = self.recipe.model
        if name is None:
            return None
        name = kind if name == "auto" else name
        if name not in self._models:
            from ..learn.remember import RememberingModel

            model = loaded(name)
            if self.recipe.sha256 not in ("", model.sha256):
                raise ModelError(
                    f"the recipe was made with another model named {name!r}: give the file of "
                    "that one, or make the recipe anew"
                )
            self._models[name] = RememberingModel(model, REMEMBERED)
        return self._models[name]

    def superpixels(
        self, file: ImageFile, progress: Progress | None
    ) -> tuple[NDArray[np.int32], RememberingModel | None]:
        """Return the superpixels of an image in memory, and the model that it was shown to."""
        recipe = self.recipe
        model = self.model(settle(file, recipe.reading).kind)
        run = superpixel_run(
            file, recipe.superpixels, model=model, reading=recipe.reading,
            execution=Execution(self.device),
        )  # fmt: skip
        run.run(progress)
        return run.result(), model

    def describe(
        self,
        file: ImageFile,
        labels: NDArray[np.int32],
        model: RememberingModel | None,
        progress: Progress | None,
    ) -> Description:
        """Return what the superpixels look like."""
        how = self.recipe.reading
        if how.nodata is not None:
            file = replace(file, nodata=how.nodata)
        return describe(
            file, labels, model=model, spacing=how.spacing, mask=how.mask,
            channel_axis=how.channel_axis, rgb=how.rgb, slices=how.slices, kind=how.kind,
            device=self.device, progress=progress,
        )  # fmt: skip

    def objects(self, image: Any, progress: Progress | None = None) -> tuple[Objects, int]:
        """Return the objects of an image, and the number of its superpixels."""
        try:
            return self._objects(image, progress)
        finally:
            for model in self._models.values():
                model.forget()

    def _objects(self, image: Any, progress: Progress | None) -> tuple[Objects, int]:
        recipe = self.recipe
        file = resolve(image)
        labels, model = self.superpixels(file, progress)
        classes = None
        if recipe.has_classes:
            features = self.describe(file, labels, model, progress)
            examples = recipe.examples
            if features.names != examples.names:
                raise ParameterError(
                    f"the recipe's examples are described by {len(examples.names)} numbers, this "
                    f"image's superpixels by {len(features.names)}: it has other channels, or "
                    "another version made the recipe; make it anew from the painted image"
                )
            numbers, probability = propagate(examples, features.features(), features.borders())
            classes = np.concatenate([[0], numbers[probability.argmax(axis=1)]])
        report(progress, 0, 1, "measuring")
        on = measured_on(file, recipe.reading)
        return objects_of(labels, classes, recipe.class_names, on), int(labels.max(initial=0))


def apply_to(
    recipe: Recipe, image: Any, *, device: str = "auto", progress: Progress | None = None
) -> Objects:
    """Follow a recipe on one image.

    Parameters
    ----------
    recipe : Recipe
        What to do; :meth:`napari_sen.Recipe.load` reads one from a file.
    image : array or path
        As for :func:`napari_sen.segment`.
    device, progress
        As for :func:`napari_sen.segment`.

    Returns
    -------
    Objects
        The objects of the image. Where the recipe has no examples of classes, every superpixel
        is an object.

    Raises
    ------
    SenError
        If the image cannot be used, or does not fit the recipe. The message names the remedy.
    """
    check_progress(progress)
    return Cook(recipe, device).objects(image, progress)[0]


def teach(
    recipe: Recipe,
    image: Any,
    annotation: Any,
    *,
    share: float = 0.5,
    device: str = "auto",
    progress: Progress | None = None,
) -> Recipe:
    """Return a recipe that also learns from the superpixels of an annotated image.

    Parameters
    ----------
    recipe : Recipe
        The recipe to begin with; it is not changed. If its model is "auto", the first image that
        it learns from decides the model.
    image : array or path
        As for :func:`napari_sen.segment`.
    annotation : array or path
        Outlines (``.geojson``) or a label image of classes, on that image; see
        :func:`napari_sen.read_classes`. Classes of the same name are the same class.
    share : float
        From 0 to 1: superpixels of which more than this share is annotated become examples. With
        0, a single pixel is enough.
    device, progress
        As for :func:`napari_sen.segment`.

    Returns
    -------
    Recipe
        A new recipe with the examples of both.

    Raises
    ------
    SenError
        If an argument cannot be used. The message names the remedy.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sen import Recipe, apply_to, teach
    >>> from napari_sen.params import SegmentParams
    >>> image = np.zeros((40, 60), np.uint8)
    >>> image[10:30, 10:30] = 200
    >>> recipe = Recipe(SegmentParams(n_segments=60), model=None)
    >>> recipe = teach(recipe, image, (image > 0) + np.uint8(1))
    >>> apply_to(recipe, image).counts()
    {'class 1': 1, 'class 2': 1}
    """
    check_progress(progress)
    cook, file = Cook(recipe, device), resolve(image)
    labels, model = cook.superpixels(file, progress)
    classes, names = read_classes(labels, annotation, share=share)
    known = list(recipe.class_names)
    known += [name for name in names if name not in known]
    painted = np.flatnonzero(classes)
    if len(painted) == 0:
        raise ParameterError(
            f"the annotation fills no superpixel to {share:.0%}: annotate more, make smaller "
            "superpixels, or lower share (--share)"
        )
    description = cook.describe(file, labels, model, progress)
    numbers = np.array([known.index(names[value - 1]) + 1 for value in classes[painted]], np.int64)
    new = Examples(description.features()[painted - 1], numbers, description.names)
    settled = recipe
    if model is not None:
        name = model.name if recipe.model == "auto" else recipe.model
        settled = replace(recipe, model=name, sha256=model.sha256)
    return replace(settled, class_names=tuple(known), examples=recipe.examples + new)

"""What was done to one image as a recipe, and the recipe on a folder; no Qt in here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import OutputError, ParameterError
from ...io.recipe_file import Recipe
from ...learn.classes import Examples
from ...options import Reading
from ...params import SegmentParams
from ..layers.made import Made
from ..layers.results import Finished
from ..state.control import Control
from ..state.layer_image import LayerImage
from .settings import Settings

if TYPE_CHECKING:
    from .classing import Classifying

__all__ = ["Cooking", "apply_recipe", "recipe_of", "save_recipe"]


@dataclass(frozen=True)
class Cooking:
    """All that a recipe is made of: a copy that later edits do not reach.

    Attributes
    ----------
    classifying : Classifying
    source : LayerImage
        The image.
    settings : Settings
        Model, device, and what was painted.
    made : Made or None
        What is known of the superpixels.
    has_layers : bool
        Whether the image's channels are layers: of a file, it says itself where they are.
    """

    classifying: Classifying
    source: LayerImage
    settings: Settings
    made: Made | None
    has_layers: bool


def recipe_of(cooking: Cooking, control: Control) -> Recipe:
    """Return how the superpixels shown were made, and the examples that were painted.

    Their size counts, not their number: other images have other sizes.
    """
    made, source, settings = cooking.made, cooking.source, cooking.settings
    if made is None or made.trees is None:
        raise ParameterError(
            "a recipe is made of superpixels of this dock: press Make superpixels first"
        )
    trees = made.trees
    params = SegmentParams(size=trees.extent.diameter(made.number), evenness=trees.forest.evenness)
    model = settings.model_of(source)
    whole = not source.index and not cooking.has_layers
    reading = Reading(
        channel_axis=source.channel_axis if whole else None,
        slices=source.slices or "each",
        spacing=source.spacing if source.is_scaled else None,
        kind=source.kind,
    )
    names, examples = tuple[str, ...](), Examples.none()
    picked = settings.picked
    if picked is not None and (picked.classes > 0).any():
        _, mine = cooking.classifying.examples(picked, source, settings, control)
        names, examples = picked.class_names, cooking.classifying.others + mine
    return Recipe(
        params,
        None if model is None else model.name,
        "" if model is None else model.sha256,
        reading,
        names,
        examples,
    )


def save_recipe(path: Path, cooking: Cooking, control: Control) -> Finished:
    """Write the recipe to a file."""
    recipe = recipe_of(cooking, control)
    recipe.save(path, overwrite=True)
    count = len(recipe.examples.classes)
    what = f"{count} painted superpixels" if count else "superpixels without classes"
    return Finished([], f"recipe with {what} saved to {path.name}")


def apply_recipe(images: Path, out: Path, cooking: Cooking, control: Control) -> Finished:
    """Do to all images of a folder what was done to this one."""
    from ...pipeline.apply import SUMMARY, apply

    recipe = recipe_of(cooking, control)
    control.progress(0, 1, "images")
    try:
        found = apply(
            recipe, images, out, device=cooking.settings.device, progress=control.progress
        )
    except OutputError as error:
        if "overwrite" not in str(error):
            raise
        raise OutputError(
            f"{out.name} holds results of another recipe, or files of others of the same names: "
            "choose an empty folder"
        ) from error
    message = f"{len(found.rows)} images, results in {out.name}"
    if found.failures:
        name, why = next(iter(found.failures.items()))
        message += f"; {len(found.failures)} failed, see {SUMMARY} ({name}: {why})"
    return Finished([], message)

"""Images with human annotations on disk: the BSDS layout, and folders of images and labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from ..errors import DataError, ParameterError, SenError, said
from ..io.read import read_image
from ..params import shown

__all__ = ["Dataset", "Item", "open_bsds", "open_dataset", "open_folder"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
BSDS500_TEST = 200  # images
HALVES = {"tune": 0, "report": 1}


@dataclass(frozen=True)
class Item:
    """One image with its annotations.

    ``image`` is the array as it is in the file. ``channel_axis`` is the image's axis that the
    annotations lack (None: there is none), known because the label maps tell the spatial shape.
    ``ground_truths`` holds one integer label map for each annotator.
    """

    name: str
    image: NDArray[Any]
    ground_truths: list[NDArray[Any]]
    channel_axis: int | None


class Dataset(Sequence[Item]):
    """A list of images with annotations, each read when it is asked for.

    Parameters
    ----------
    name : str
        What tables call it.
    entries : sequence of (name, image path, annotation paths)
    """

    def __init__(self, name: str, entries: Sequence[tuple[str, Path, tuple[Path, ...]]]) -> None:
        self.name = name
        self._entries = list(entries)
        if not self._entries:
            raise DataError(f"data set {name} holds no image")

    @property
    def names(self) -> list[str]:
        """Names of the images, in the order of the items."""
        return [entry[0] for entry in self._entries]

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: Any) -> Any:
        """Return the item at a position, or the data set of a slice (nothing is read then)."""
        if isinstance(index, slice):
            return Dataset(self.name, self._entries[index])
        name, image_path, truth_paths = self._entries[index]
        image = _read(image_path)
        truths = [truth for path in truth_paths for truth in _read_truths(path)]
        axis = None
        for path, truth in zip([*truth_paths] * len(truths), truths, strict=False):
            axis = _channel_axis(image, truth, image_path, path)
        return Item(name, image, truths, axis)

    def renamed(self, name: str) -> Dataset:
        """Return the same images under another name."""
        return Dataset(name, self._entries)

    def at(self, places: Sequence[int]) -> Dataset:
        """Return the data set of the images at some positions; nothing is read."""
        return Dataset(self.name, [self._entries[place] for place in places])

    def __iter__(self) -> Iterator[Item]:
        return (self[index] for index in range(len(self)))


def open_bsds(root: str | Path, split: str = "val") -> Dataset:
    """Open a split of a data set in the BSDS layout.

    Parameters
    ----------
    root : path
        Folder with ``images/<split>/*.jpg`` and ``groundTruth/<split>/*.mat``.
    split : str
        ``"train"``, ``"val"`` or ``"test"`` in BSDS500.

    Raises
    ------
    DataError
        A folder is missing, or images and annotations do not match by name.
    """
    root = Path(root)
    images = _by_stem(root / "images" / split, SUFFIXES)
    truths = _by_stem(root / "groundTruth" / split, (".mat",))
    return Dataset(f"{root.name} {split}", _matched(root, images, [truths]))


def open_folder(
    root: str | Path, *, half: str | None = None, labels: Sequence[str] = ("labels",)
) -> Dataset:
    """Open ``images/*`` with ``labels/*`` of the same stem.

    Parameters
    ----------
    root : path
    half : {"tune", "report"}, optional
        Of the sorted names, those at even (tune) or odd (report) positions; parameters are
        chosen on the first, figures reported on the second. By default all.
    labels : sequence of str
        Folders of label maps, one for each annotator.

    Raises
    ------
    DataError
        A folder is missing, or images and labels do not match by name.
    ParameterError
        ``half`` is unknown.
    """
    root = Path(root)
    if half is not None and half not in HALVES:
        raise ParameterError(f"half must be 'tune', 'report' or None, got {shown(half)}")
    truths = [_by_stem(root / folder, SUFFIXES) for folder in labels]
    entries = _matched(root, _by_stem(root / "images", SUFFIXES), truths)
    if half is None:
        return Dataset(root.name, entries)
    return Dataset(f"{root.name} {half}", entries[HALVES[half] :: 2])


def open_dataset(
    dataset: str | PathLike[str] | Dataset,
    *,
    split: str | None = None,
    half: str | None = None,
    labels: Sequence[str] = ("labels",),
    images: int | None = None,
    default: str = "test",
) -> tuple[Dataset, bool]:
    """Return the data set meant, and whether it is the whole of BSDS500 test.

    The choices are those of :func:`napari_sen.evaluate`; ``default`` is the split that is taken
    if none is named.

    Raises
    ------
    DataError
        The folder has neither layout, or a choice does not fit its layout.
    ParameterError
        ``images`` is no number of at least 1.
    """
    if images is not None and (not isinstance(images, int) or images < 1):
        raise ParameterError(f"images must be a whole number of at least 1, got {shown(images)}")
    published = False
    if isinstance(dataset, Dataset):
        if split is not None or half is not None:
            raise DataError("split and half choose from a folder, but an open data set was given")
        data = dataset
    elif ((root := Path(dataset)) / "groundTruth").is_dir():
        if half is not None:
            raise DataError(f"{dataset} has the BSDS layout: choose a split, not a half")
        data = open_bsds(root, split or default)
        published = (split or default) == "test" and len(data) == BSDS500_TEST
    else:
        if split is not None:
            raise DataError(
                f"{dataset} has no folder groundTruth, so it has no splits: choose a half"
            )
        data = open_folder(root, half=half, labels=labels)
        if tuple(labels) != ("labels",):
            data = data.renamed(f"{data.name} ({', '.join(labels)})")
    if images is not None and images < len(data):
        places = np.linspace(0, len(data) - 1, images).round().astype(int)
        data, published = data.at(places.tolist()), False
    return data, published


def _by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Return a folder's files with one of the suffixes, by stem, sorted."""
    if not folder.is_dir():
        raise DataError(f"data set folder {folder} does not exist: check the path")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in suffixes:
            if path.stem in found:
                raise DataError(f"{path} and {found[path.stem].name} have the same stem")
            found[path.stem] = path
    return dict(sorted(found.items()))


def _matched(
    root: Path, images: dict[str, Path], truths: Sequence[dict[str, Path]]
) -> list[tuple[str, Path, tuple[Path, ...]]]:
    """Return the entries of a data set whose images and annotations match one to one."""
    for table in truths:
        lacking = sorted(set(images) ^ set(table))
        if lacking:
            which = "annotation" if lacking[0] in images else "image"
            raise DataError(
                f"{root}: {len(lacking)} images and annotations do not match; "
                f"{lacking[0]!r} has no {which}"
            )
    return [(name, path, tuple(t[name] for t in truths)) for name, path in images.items()]


def _read(path: Path, *, labels: bool = False) -> NDArray[Any]:
    """Return the pixels of an image file, or raise DataError naming it.

    Of ``labels`` a palette's indices count, and every colour is a label of its own.
    """
    try:
        file = read_image(path, labels=labels)
    except SenError as error:
        raise DataError(f"data set image cannot be used: {error}") from error
    pixels = np.asarray(file.data)
    if not (labels and file.rgb):
        return pixels
    _, numbers = np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0, return_inverse=True)
    found: NDArray[np.int64] = numbers.reshape(pixels.shape[:-1])
    return found


def _read_truths(path: Path) -> list[NDArray[Any]]:
    """Return the label maps of an annotation file: one, or those of all annotators of a .mat."""
    if path.suffix.lower() in (".jpg", ".jpeg"):
        raise DataError(f"{path} is no label map: JPEG blurs labels; save them as PNG or TIFF")
    maps = _read_mat(path) if path.suffix.lower() == ".mat" else [_read(path, labels=True)]
    for labels in maps:
        if labels.dtype.kind not in "iub" or labels.ndim not in (2, 3) or labels.size == 0:
            raise DataError(
                f"{path} holds no label map: expected whole numbers in 2 or 3 dimensions, got "
                f"{labels.dtype} of shape {labels.shape}"
            )
    return maps


def _read_mat(path: Path) -> list[NDArray[Any]]:
    """Return the segmentations of a BSDS ``.mat``: a cell of structs with ``Segmentation``."""
    try:
        cell = loadmat(path, variable_names=["groundTruth"])["groundTruth"].ravel()
        maps = [np.asarray(struct["Segmentation"][0, 0]) for struct in cell]
    except Exception as error:  # a damaged .mat fails in many ways
        raise DataError(
            f"{path} is not a BSDS annotation (a cell 'groundTruth' of structs with a field "
            f"'Segmentation'): {type(error).__name__}: {said(error)}"
        ) from error
    if not maps:
        raise DataError(f"{path} holds no annotator's segmentation")
    return maps


def _channel_axis(
    image: NDArray[Any], truth: NDArray[Any], image_path: Path, truth_path: Path
) -> int | None:
    """Return the axis of the image that the labels lack, or raise if they do not match."""
    if image.shape == truth.shape:
        return None
    if image.shape[:-1] == truth.shape:
        return -1
    if image.shape[1:] == truth.shape:
        return 0
    raise DataError(
        f"labels of shape {truth.shape} ({truth_path}) do not match the image of shape "
        f"{image.shape} ({image_path})"
    )

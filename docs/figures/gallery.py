"""Make the gallery, page and pictures, and the tutorial's pictures, with today's defaults.

python docs/figures/gallery.py [NAME ...]    # samples, or tutorial; all of them by default

The page docs/gallery.md is written anew each time; pictures only of what is named.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from panels import grey, shown
from skimage.color import label2rgb
from skimage.transform import resize

import napari_sen
from napari_sen.core.boundaries import mark_boundaries
from napari_sen.core.pca import pca_rgb
from napari_sen.data import load_sample, sample_names

DOCS = Path(__file__).resolve().parent.parent
IMAGES = DOCS / "images"
WIDTH = 512  # px of a picture, at least
COUNT = 250  # superpixels

HEAD = f"""# Gallery

The five samples that come with the package, with the default settings: the image; {COUNT}
superpixels (`segment`); as many, of more even size (`segment(evenness=1)`); a cut of the merge tree
into a few large regions (`hierarchy`); the three main directions of the embedding as colours
(`embed`); the contours (`contours`). Click a picture to enlarge it.

Page and pictures are made by `python docs/figures/gallery.py`.
"""
# Heading, and whose image it is.
ABOUT = {
    "coffee": ("Photograph", "Rachel Michetti, courtesy of Pikolo Espresso Bar, CC0"),
    "tissue": ("Stained tissue", "2018 Data Science Bowl, CC0"),
    "nuclei": ("Fluorescence", "2018 Data Science Bowl, CC0"),
    "phase": ("Phase contrast", "T98G cells, oist/Usiigaci, MIT"),
    "embryo": (
        "Volume",
        "mouse embryo at the 16-cell stage, funalab/QCANet, Yamagata Lab., Kindai University, MIT",
    ),
}
PANELS = {
    "image": "image",
    "superpixels": f"{COUNT} superpixels",
    "even": f"{COUNT}, more even",
    "cut": "a coarse cut",
    "embedding": "embedding",
    "contours": "contours",
}
VOLUME = {
    "image": "image, middle slice",
    "superpixels": "600 superpixels of the volume",
    "cut": "a coarse cut of the volume",
    "side": "image, from the side",
    "side-cut": "the coarse cut from the side",
    "embedding": "embedding",
}


def planar(name: str) -> dict[str, np.ndarray]:
    """Return the pictures of a sample in 2-D."""
    image, about = load_sample(name)
    options: dict[str, Any] = {"rgb": about["rgb"] or None}
    tree = napari_sen.hierarchy(image, **options)
    edges = napari_sen.contours(image, **options)
    return {
        "image": enlarged(shown(image)),
        "superpixels": drawn(image, napari_sen.segment(image, COUNT, **options)),
        "even": drawn(image, napari_sen.segment(image, COUNT, evenness=1, **options)),
        "cut": drawn(image, tree.cut(max(tree.n_parts, 25))),
        "embedding": enlarged(pca_rgb(napari_sen.embed(image, **options))),
        "contours": enlarged(grey(edges / edges.max())),
    }


def volume(name: str) -> dict[str, np.ndarray]:
    """Return the pictures of a sample in 3-D: its middle slice, and a section across all slices."""
    image, about = load_sample(name)
    options: dict[str, Any] = {"slices": "volume", "spacing": about["spacing"]}
    fine = napari_sen.segment(image, 600, **options)
    coarse = napari_sen.segment(image, 40, **options)
    middle, across = len(image) // 2, image.shape[1] // 2
    tall = round(len(image) * about["spacing"][0])
    places = np.arange(tall) * len(image) // tall  # a slice is higher than a pixel is wide
    picture = shown_volume(image)
    return {
        "image": enlarged(picture[middle]),
        "superpixels": drawn(picture[middle], fine[middle]),
        "cut": drawn(picture[middle], coarse[middle]),
        "side": enlarged(picture[places, across]),
        "side-cut": drawn(picture[places, across], coarse[places, across]),
        "embedding": enlarged(pca_rgb(napari_sen.embed(image[middle]))),
    }


def shown_volume(image: np.ndarray) -> np.ndarray:
    """Return a volume in 8 bits, stretched as a whole."""
    low, high = np.percentile(image, (1, 99.8))
    return np.clip((image - low) / (high - low) * 255, 0, 255).astype(np.uint8)


def enlarged(picture: np.ndarray) -> np.ndarray:
    """Return a picture so large that it can be looked at, by a whole factor."""
    scale = -(-WIDTH // picture.shape[1])
    size = (picture.shape[0] * scale, picture.shape[1] * scale)
    return resize(picture, size, order=1, preserve_range=True).astype(np.uint8)


def drawn(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return an image with the borders of a label map, drawn after it was enlarged."""
    return mark_boundaries(shown(image), labels, scale=-(-WIDTH // image.shape[1]))


def tutorial() -> dict[str, np.ndarray]:
    """Return the pictures of the tutorial's steps."""
    image, _ = load_sample("coffee")
    labels = napari_sen.segment(image, n_segments=300)
    made = {
        "300": labels,
        "60": napari_sen.segment(image, n_segments=60),
        "even": napari_sen.segment(image, n_segments=300, evenness=1),
        "round": napari_sen.segment(image, n_segments=300, method="snic", compactness=40),
        "tree": napari_sen.hierarchy(image).cut(12),
    }
    pictures = {name: mark_boundaries(image, each) for name, each in made.items()}
    return pictures | {"mean": label2rgb(labels, image, kind="avg")}


def page() -> str:
    """Return the page: a grid of pictures for each sample."""
    return "\n".join([HEAD, *map(section, sample_names())])


def section(name: str) -> str:
    """Return the part of one sample."""
    title, whose = ABOUT[name]
    panels = VOLUME if name == "embryo" else PANELS
    lines = [f"## {title}", "", '<div class="panels" markdown>', ""]
    lines += [
        f"[![{title}: {caption}](images/gallery/{name}-{key}.jpg)](images/gallery/{name}-{key}.jpg)"
        f"<br>{caption}\n"
        for key, caption in panels.items()
    ]
    return "\n".join([*lines, "</div>", "", f"*`{name}`: {whose}.*", ""])


def write(folder: Path, prefix: str, pictures: dict[str, np.ndarray]) -> None:
    """Write pictures as JPEG."""
    folder.mkdir(exist_ok=True)
    for key, picture in pictures.items():
        path = folder / f"{prefix}-{key}.jpg"
        iio.imwrite(path, picture, quality=86)
        print(path)


def main() -> None:
    """Make what the command line names, or all."""
    for name in sys.argv[1:] or [*sample_names(), "tutorial"]:
        if name == "tutorial":
            write(IMAGES, "tutorial", tutorial())
        else:
            write(IMAGES / "gallery", name, volume(name) if name == "embryo" else planar(name))
    (DOCS / "gallery.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()

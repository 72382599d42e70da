"""Make the pictures of the plugin in docs/images: a real viewer, used as a person would.

    xvfb-run -s "-screen 0 1600x1000x24" python docs/figures/plugin.py [--only NAME ...]

Needs napari with a Qt backend. Nothing of your own models and forms is read or changed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

IMAGES = Path(__file__).resolve().parent.parent / "images"
SIZE = (1280, 720)


class Walk:
    """A viewer with the dock, and what a person does with it."""

    def __init__(self, only: list[str]) -> None:
        import napari

        self.only = only
        self.viewer = napari.Viewer(show=True)
        _, self.dock = self.viewer.window.add_plugin_dock_widget("napari-sen", "SEN")
        self.viewer.window.resize(*SIZE)
        self.ended: list[str] = []
        self.dock.idle.connect(self.ended.append)
        self.wait(lambda: not self.dock._searcher.is_busy)

    def wait(self, until: Callable[[], bool], seconds: float = 1200) -> None:
        """Let Qt's loop run until something is true."""
        from qtpy.QtTest import QTest

        end = time.monotonic() + seconds
        while not until():
            if time.monotonic() > end:
                raise SystemExit("a step has not ended in time")
            QTest.qWait(5)

    def run(self, key: str) -> str:
        """Press a step's button and wait until it has ended."""
        self.ended.clear()
        self.dock.panels[key].button.click()
        self.wait(lambda: bool(self.ended))
        print(f"{key}: {self.ended[0]}")
        return self.ended[0]

    def unfold(self, title: str) -> None:
        """Open a section of the dock."""
        self.dock.folds[title].expand(animate=False)

    def show(self, widget: Any) -> None:
        """Scroll the dock to a widget."""
        from qtpy.QtWidgets import QScrollArea

        scroll = self.dock.findChild(QScrollArea)
        self.wait(lambda: widget.isVisible())
        top = widget.mapTo(scroll.widget(), widget.rect().topLeft()).y()
        scroll.verticalScrollBar().setValue(max(0, top - 6))

    def picture(self, name: str, theme: str = "dark") -> None:
        """Write a screenshot of the window."""
        from qtpy.QtTest import QTest

        if self.only and name not in self.only:
            return
        self.viewer.theme = theme
        QTest.qWait(400)
        pixels = self.viewer.window.screenshot(canvas_only=False, flash=False)
        path = IMAGES / f"{name}.jpg"
        Image.fromarray(np.asarray(pixels)[..., :3]).save(path, quality=82, optimize=True)
        print(f"{path.name}: {path.stat().st_size // 1000} kB")

    def open(self, sample: str) -> Any:
        """Open a sample image."""
        self.viewer.open_sample("napari-sen", sample)
        self.viewer.reset_view()
        return self.viewer.layers[0]

    def hide_all_but(self, *names: str) -> None:
        """Leave only these layers visible."""
        for layer in self.viewer.layers:
            layer.visible = layer.name in names


def photograph(walk: Walk) -> None:
    """Show superpixels of a photograph, and the other outputs."""
    walk.open("coffee")
    walk.run("superpixels")
    walk.picture("napari-superpixels")
    walk.unfold("Other outputs")
    walk.hide_all_but("coffee")
    walk.run("embed")
    walk.picture("napari-embed", "light")
    walk.hide_all_but("coffee")
    walk.run("contours")
    walk.hide_all_but("coffee contours")  # on a bright image they are hard to see
    walk.picture("napari-contours", "light")


def section(walk: Walk) -> None:
    """Show a stained section, enlarged to 1400 x 1400 pixels, fit to the window."""
    walk.open("tissue")
    tissue = Image.fromarray(np.asarray(walk.viewer.layers[0].data)[..., :3])
    walk.viewer.layers.clear()
    side = 1400
    enlarged = tissue.resize((side * tissue.width // tissue.height, side), Image.Resampling.BICUBIC)
    walk.viewer.add_image(np.asarray(enlarged)[:, :side], name="section", rgb=True)
    walk.viewer.reset_view()
    walk.run("superpixels")
    walk.dock.session.granularity.show(600)
    walk.picture("napari-section")


def channels(walk: Walk) -> None:
    """Show tissue in three channels, each a layer; needs the data folder."""
    folder = os.environ.get("NAPARI_SEN_DATA")
    if not folder:
        print("napari-channels is left out: set NAPARI_SEN_DATA to the folder of data sets")
        return
    path = next(Path(folder, "microscopy", "codex_tissue", "images").glob("*X003_Y004_0.tif"))
    names = ["nucleus", "cytoplasm", "membrane"]
    walk.viewer.add_image(tifffile.imread(path), channel_axis=0, name=names)
    for layer in walk.viewer.layers:
        layer.contrast_limits = np.percentile(layer.data, (1, 99.7))
    walk.viewer.layers.selection.active = walk.viewer.layers["nucleus"]
    walk.viewer.reset_view()
    walk.run("superpixels")
    walk.picture("napari-channels")


def stack(walk: Walk) -> None:
    """Show a slice of a stack."""
    walk.open("embryo")
    walk.run("superpixels")
    walk.picture("napari-stack")


def volume(walk: Walk) -> None:
    """Show a volume: the plane in the middle with its outlines."""
    walk.open("embryo")
    walk.dock.session.stack = "volume"
    walk.dock.session.ask(200)
    walk.run("superpixels")
    walk.viewer.dims.ndisplay = 3
    walk.viewer.reset_view()
    walk.viewer.scene.camera.angles = (20, -20, 120)
    walk.picture("napari-volume")


def classes(walk: Walk) -> None:
    """Show strokes of two classes, and what is predicted from them."""
    walk.open("tissue")
    walk.run("superpixels")
    walk.unfold("Refine and classify")
    panel, picking = walk.dock.panels["classes"], walk.dock.session.picking
    panel.toggle.click()
    picking.rename_class(2, "nucleus")
    # Dark superpixels are nuclei: a few of each kind are painted.
    table = picking.table()
    brightness = table["mean red"] + table["mean green"] + table["mean blue"]
    order = table["index"][brightness.argsort()]
    picking.paint(order[:6].tolist(), 2)
    picking.paint(order[-30::5].tolist(), 1)
    walk.run("classes")
    walk.show(panel)
    walk.picture("napari-classes")
    panel.toggle.click()


def training(walk: Walk) -> None:
    walk.open("phase")
    walk.unfold("Teach a model")
    panel = walk.dock.panels["train"]
    walk.show(panel)
    for form in panel.forms.values():
        if "steps" in form.editors:
            form.editors["steps"].setValue(2000)
    panel.name.setText("phase")
    walk.ended.clear()
    panel.button.click()
    preview = "phase training preview"
    walk.wait(lambda: preview in walk.viewer.layers or bool(walk.ended))
    walk.wait(lambda: len(walk.dock.session.losses.points) >= 25 or bool(walk.ended))
    walk.show(panel.curve)
    walk.picture("napari-train")
    walk.dock.status.button.click()
    walk.wait(lambda: bool(walk.ended))
    print(f"train: {walk.ended[0]}")


def growing(walk: Walk) -> None:
    """Show a slide, of which half is done."""
    import zarr

    walk.open("tissue")
    tissue = np.asarray(walk.viewer.layers[0].data)
    walk.viewer.layers.clear()
    mirrored = np.concatenate([tissue, tissue[:, ::-1]], axis=1)
    slide = np.tile(np.concatenate([mirrored, mirrored[::-1]]), (3, 2, 1))
    path = Path(os.environ["XDG_DATA_HOME"], "slide.zarr")
    zarr.save_array(path, slide)
    walk.viewer.add_image(zarr.open_array(path, mode="r"), name="slide", rgb=True)
    walk.viewer.reset_view()
    panel = walk.dock.panels["superpixels"]
    walk.unfold("Large images")
    panel.store.wanted.setChecked(True)
    panel.store.tile.setValue(256)
    walk.ended.clear()
    panel.button.click()
    shown = walk.dock.growing
    walk.wait(lambda: shown.n_done >= 14 or bool(walk.ended))
    walk.picture("napari-growing")
    walk.dock.status.button.click()
    walk.wait(lambda: bool(walk.ended))
    print(f"superpixels in tiles: {walk.ended[0]}")


# Each part, and the pictures that it makes.
PARTS = {
    photograph: {"napari-superpixels", "napari-embed", "napari-contours"},
    section: {"napari-section"},
    channels: {"napari-channels"},
    stack: {"napari-stack"},
    volume: {"napari-volume"},
    classes: {"napari-classes"},
    training: {"napari-train"},
    growing: {"napari-growing"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[], help="names of pictures to write")
    parser.add_argument("--part", help="walk through this part alone")
    arguments = parser.parse_args()
    if arguments.part is None:
        # A process for each: removing layers of one part before the next crashes napari 0.9.2
        # in software OpenGL now and then.
        for part, pictures in PARTS.items():
            if arguments.only and pictures.isdisjoint(arguments.only):
                continue
            command = [sys.executable, __file__, "--part", part.__name__]
            subprocess.run([*command, "--only", *arguments.only], check=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = os.environ["XDG_CONFIG_HOME"] = folder
        walk = Walk(arguments.only)
        for part in PARTS:
            if part.__name__ == arguments.part:
                part(walk)
        walk.viewer.close()


if __name__ == "__main__":
    main()

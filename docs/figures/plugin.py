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
from PIL import Image

IMAGES = Path(__file__).resolve().parent.parent / "images"
SIZE = (1400, 900)


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

    def wait(self, until: Callable[[], bool], seconds: float = 300) -> None:
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


def first_steps(walk: Walk) -> None:
    walk.picture("napari-empty")
    walk.run("superpixels")
    walk.picture("napari-error")
    walk.viewer.window._qt_viewer.window().findChild(_notification()).close()
    walk.open("tissue")
    walk.dock.panels["superpixels"].size_editor.number.setValue(300)
    walk.run("superpixels")
    walk.show(walk.dock.image)
    walk.picture("napari-superpixels")
    walk.show(walk.dock.panels["embed"])
    walk.hide_all_but("tissue")
    walk.run("embed")
    walk.picture("napari-embed", "light")
    walk.hide_all_but("tissue")
    walk.show(walk.dock.panels["contours"])
    walk.run("contours")
    walk.hide_all_but("tissue contours")  # on a bright image they are hard to see
    walk.picture("napari-contours", "light")


def _notification() -> type:
    from napari._qt.dialogs.qt_notification import NapariQtNotification

    return NapariQtNotification


def pseudo_labels(walk: Walk) -> None:
    walk.open("coffee")
    panel = walk.dock.panels["pseudo_labels"]
    for form in panel.forms.values():
        form.editors["spacings"].setText("9, 19, 40")
        form.editors["compactnesses"].setText("10, 40")
    walk.run("pseudo_labels")
    walk.hide_all_but("coffee", "coffee pseudo 40 px, m=10")
    walk.show(walk.dock.image)
    walk.picture("napari-pseudo-labels")


def parts(walk: Walk) -> None:
    """Show a region drawn by hand, and what it was made into."""
    walk.open("tissue")
    circle = np.array([[128, 160], [85, 110]])  # centre and radii
    region = walk.viewer.add_shapes(
        [circle], shape_type="ellipse", name="region", face_color="transparent",
        edge_color="yellow", edge_width=3,
    )  # fmt: skip
    walk.dock.part.fold.expand(animate=False)
    walk.dock.part.region_box.choose(region)
    walk.dock.panels["superpixels"].size_editor.number.setValue(200)
    walk.run("superpixels")
    walk.show(walk.dock.image)
    walk.picture("napari-parts")


def stack(walk: Walk) -> None:
    """Show a slice through the superpixels of a volume."""
    walk.open("embryo")
    walk.dock.session.stack = "volume"
    panel = walk.dock.panels["superpixels"]
    panel.size_editor.number.setValue(600)
    walk.run("superpixels")
    walk.viewer.dims.set_current_step(0, walk.viewer.dims.nsteps[0] // 2)
    walk.show(walk.dock.image)
    walk.picture("napari-stack")


def hierarchy(walk: Walk) -> None:
    walk.open("coffee")
    walk.run("hierarchy")
    walk.dock.session.granularity.show(40)
    walk.show(walk.dock.panels["hierarchy"])
    walk.picture("napari-hierarchy")


def picking(walk: Walk) -> None:
    walk.open("tissue")
    walk.dock.panels["superpixels"].size_editor.number.setValue(300)
    walk.run("superpixels")
    panel, picking = walk.dock.panels["classes"], walk.dock.session.picking
    walk.show(panel)
    panel.toggle.click()
    middle = [length // 2 for length in picking.pieces.base.shape]
    picking.select(picking.along((middle[0], middle[1] - 40), (middle[0], middle[1] + 40)))
    walk.picture("napari-pick")
    picking.merge()
    picking.undo()
    picking.select([])
    picking.rename_class(2, "nucleus")
    # Dark superpixels are nuclei: a few of each kind are painted.
    table = picking.layer.features
    brightness = table[["mean red", "mean green", "mean blue"]].sum(axis=1).to_numpy()
    order = table["index"].to_numpy()[brightness.argsort()]
    picking.paint(order[:6].tolist(), 2)
    picking.paint(order[-30::5].tolist(), 1)
    walk.picture("napari-paint")
    walk.run("classes")
    walk.hide_all_but("tissue", "tissue superpixels", "tissue superpixels propagated")
    walk.picture("napari-classes", "light")
    panel.toggle.click()


def training(walk: Walk) -> None:
    walk.open("phase")
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
    panel.size_editor.how.setCurrentText("Diameter")
    panel.size_editor.diameter.setValue(24)
    panel.store.wanted.setChecked(True)
    panel.store.tile.setValue(256)
    walk.show(panel)
    walk.picture("napari-store")
    walk.ended.clear()
    panel.button.click()
    shown = walk.dock.growing
    walk.wait(lambda: shown.n_done >= 14 or bool(walk.ended))
    walk.picture("napari-growing")
    walk.dock.status.button.click()
    walk.wait(lambda: bool(walk.ended))
    print(f"superpixels in tiles: {walk.ended[0]}")


PARTS = (first_steps, pseudo_labels, parts, stack, hierarchy, picking, training, growing)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[], help="names of pictures to write")
    parser.add_argument("--part", help="walk through this part alone")
    arguments = parser.parse_args()
    if arguments.part is None:
        # A process for each: removing layers of one part before the next crashes napari 0.9.2
        # in software OpenGL now and then.
        for part in PARTS:
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

"""Watch superpixels grow in napari: how long the window freezes, how much memory it takes.

The image repeats a photograph, lazily, so it may have any size. After some tiles the camera goes to
the whole, to a part, and to single pixels, then the run is cancelled. Gaps are those between ticks
of a timer of 5 ms in Qt's loop; with a virtual screen the drawing itself takes the processor, too.

    xvfb-run -s "-screen 0 1600x1000x24" python benchmarks/growing.py [--quick] [--side 65536]
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np

BLOCK = 2048


def slide(side: int) -> list[Any]:
    """Return the levels of a lazy image of this side."""
    from napari_sen.data import load_sample

    photo = load_sample("coffee")[0][:256, :256].mean(axis=-1).astype(np.uint16) * 200
    block = np.tile(photo, (BLOCK // 256, BLOCK // 256))
    times = (side // BLOCK,) * 2
    return [da.tile(da.from_array(block[:: 1 << k, :: 1 << k]), times) for k in range(8)]


def peak() -> float:
    """Return the largest memory that this process has had, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


class Watch:
    """A viewer, its dock, and the gaps between ticks of Qt's loop."""

    def __init__(self, side: int, store: Path) -> None:
        import napari
        from qtpy.QtCore import Qt, QTimer

        self.viewer = napari.Viewer(show=True)
        _, self.dock = self.viewer.window.add_plugin_dock_widget("napari-sen", "SEN")
        self.viewer.window.resize(1400, 950)
        self.wait(lambda: not self.dock._searcher.is_busy)
        self.viewer.add_image(
            slide(side), name="slide", multiscale=True, contrast_limits=(0, 51_000)
        )
        self.dock.choices.model.setCurrentText("none (colour only)")
        panel = self.dock.panels["superpixels"]
        panel.size_editor.how.setCurrentText("Diameter")
        panel.store.wanted.setChecked(True)
        panel.store.show_path(str(store))
        print(panel.store.about.text())
        self.ended: list[str] = []
        self.dock.idle.connect(self.ended.append)
        self.gaps: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(5)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.gaps.append(now - self._last)
        self._last = now

    def wait(self, until: Callable[[], bool], seconds: float = 1200) -> None:
        """Let Qt's loop run until something is true."""
        from qtpy.QtTest import QTest

        end = time.perf_counter() + seconds
        while not until():
            if time.perf_counter() > end:
                raise SystemExit("nothing happens any more")
            QTest.qWait(1)

    def row(self, name: str, until: Callable[[], bool]) -> None:
        """Wait; print a line: seconds, gaps in ms, peak memory."""
        self._tick()
        self.gaps, begin = [], time.perf_counter()
        self.wait(until)
        self._tick()
        gaps = 1000 * np.array(self.gaps)
        print(
            f"{name:24}{time.perf_counter() - begin:7.1f}{np.percentile(gaps, 99):9.0f}"
            f"{gaps.max():9.0f}{np.count_nonzero(gaps > 100):9d}{peak():10.0f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small image and few tiles")
    parser.add_argument("--side", type=int, default=65536, help=f"a multiple of {BLOCK}, px")
    arguments = parser.parse_args()
    side, more = (4096, 3) if arguments.quick else (arguments.side, 12)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = os.environ["XDG_CONFIG_HOME"] = folder
        watch = Watch(side, Path(folder, "slide.sen.zarr"))
        growing, camera = watch.dock.growing, watch.viewer.scene.camera
        print(f"{'':24}{'s':>7}{'99 % ms':>9}{'most ms':>9}{'> 100 ms':>9}{'peak MB':>10}")
        watch.row("before", lambda: len(watch.gaps) > 100)
        watch.dock.panels["superpixels"].button.click()
        watch.row("to the first tile", lambda: growing.n_done >= 1)
        for name, zoom in (("the whole", None), ("a part", 0.3), ("pixels", 4.0)):
            if zoom is None:
                watch.viewer.reset_view()
            else:
                camera.center, camera.zoom = (1000, 1500), zoom
            goal = growing.n_done + more
            watch.row(f"{name}, {more} tiles", lambda goal=goal: growing.n_done >= goal)
        watch.dock.status.button.click()
        watch.row("cancel", lambda: bool(watch.ended))
        print(watch.ended[0])
        raw = growing.n_done * 768**2 * 4 * 4 / 3
        files = Path(folder, "slide.sen.zarr.partial", "slide.sen.zarr").rglob("*")
        size = sum(path.stat().st_size for path in files if path.is_file())
        print(f"the store takes {size / raw:.3f} of its uncompressed pixels")
        watch.viewer.close()


if __name__ == "__main__":
    main()

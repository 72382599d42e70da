"""Walk through the dock as a person would: how long each step takes, how long the window freezes.

A timer in Qt's loop ticks every 5 ms; the longest time between two ticks is the longest freeze.
It is told apart by what goes on: imports (once), work in the worker, and adding the layers.

    xvfb-run -s "-screen 0 1600x1000x24" python benchmarks/plugin.py [--quick] [--side 2048]

With ``--write docs/how-to/napari.md`` the table there is replaced by what was measured.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

# Between these lines the documentation has the table.
MARKS = ("<!-- benchmarks/plugin.py -->\n", "<!-- end -->")
ROWS: list[tuple[str, float, float, float]] = []


class Clock:
    """Finds the longest gap between ticks of Qt's loop in each phase."""

    def __init__(self) -> None:
        from qtpy.QtCore import Qt, QTimer

        self.gaps: dict[str, float] = {}
        self.phase = "idle"
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(5)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.gaps[self.phase] = max(self.gaps.get(self.phase, 0.0), now - self._last)
        self._last = now

    def turn(self, phase: str) -> None:
        """Begin another phase; what has passed belongs to the one before."""
        self._tick()
        self.phase = phase

    def start(self) -> None:
        """Begin to measure anew."""
        self.turn("idle")
        self.gaps = {}


def wait(until: Callable[[], bool], seconds: float = 600) -> None:
    """Let Qt's loop run until something is true."""
    from qtpy.QtTest import QTest

    end = time.perf_counter() + seconds
    while not until():
        if time.perf_counter() > end:
            raise SystemExit("a step has not ended in time")
        QTest.qWait(1)


def row(name: str, seconds: float, clock: Clock, note: str = "") -> None:
    """Keep and print a line of the table: gaps in milliseconds."""
    gaps = [1000 * clock.gaps.get(phase, 0) for phase in ("work", "layers")]
    ROWS.append((name, seconds, *gaps))
    shown = "".join(f"{gap:8.0f}" for gap in gaps)
    print(f"{name:28}{seconds:8.2f}{shown}   {note}", flush=True)


def markdown(side: int) -> str:
    """Return the table for the documentation."""
    load = os.getloadavg()[0]
    threads = os.environ.get("OMP_NUM_THREADS", "unset")
    lines = [
        f"{side} x {side} RGB; `OMP_NUM_THREADS` is {threads}; load {load:.1f} at the end:\n",
        "| | s | longest freeze while it works, ms | while layers are added, ms |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, seconds, work, layers in ROWS:
        gaps = [f"{gap:.0f}" if gap > 0 else "" for gap in (work, layers)]
        lines.append(f"| {name} | {seconds:.2f} | {gaps[0]} | {gaps[1]} |")
    return "\n".join(lines) + "\n"


def write(path: Path, table: str) -> None:
    """Put the table between the marks of a page."""
    before, rest = path.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    path.write_text(before + MARKS[0] + "\n" + table + "\n" + MARKS[1] + after, encoding="utf-8")


def walk(side: int, steps: int) -> None:
    """Walk through all steps on a photograph of this side."""
    import napari
    from qtpy.QtWidgets import QApplication

    from napari_sen.data import load_sample

    photo = load_sample("coffee")[0]
    times = [-(-side // length) for length in photo.shape[:2]]
    image = np.tile(photo, (*times, 1))[:side, :side]

    start = time.perf_counter()
    viewer = napari.Viewer(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-sen", "SEN")
    viewer.window.resize(1400, 950)
    clock = Clock()
    from napari_sen.plugin.state.catalogue import catalogue

    clock.turn("work")
    wait(lambda: catalogue.found is not None)
    wait(lambda: not dock._searcher.is_busy)
    clock.turn("idle")
    print(f"{'':28}{'s':>8}{'work':>8}{'layers':>8}   (longest freeze, ms)")
    row("viewer, dock, torch", time.perf_counter() - start, clock, "imports, once")

    begin = time.perf_counter()
    clock.start()
    clock.turn("layers")
    viewer.add_image(image, name="photo", rgb=True, scale=(0.5, 0.5), units="um")
    QApplication.processEvents()
    clock.turn("idle")
    row(f"open {side} x {side} RGB", time.perf_counter() - begin, clock)

    dock.runner.succeeded.disconnect(dock._take)
    dock.runner.succeeded.connect(lambda _: clock.turn("layers"))
    dock.runner.succeeded.connect(dock._take)
    dock.runner.cancelled.disconnect(dock._cancelled)
    dock.runner.cancelled.connect(lambda: clock.turn("layers"))
    dock.runner.cancelled.connect(dock._cancelled)
    dock.runner.live.disconnect(dock.results.live)

    def live(item: object) -> None:
        clock.turn("layers")
        dock.results.live(item)
        clock.turn("work")

    dock.runner.live.connect(live)

    def run(key: str, name: str = "") -> None:
        ended: list[str] = []
        hear = ended.append
        dock.idle.connect(hear)
        clock.start()
        begin = time.perf_counter()
        clock.turn("work")
        dock.panels[key].button.click()
        wait(lambda: bool(ended))
        wait(lambda: not dock.runner.is_busy)
        clock.turn("idle")
        dock.idle.disconnect(hear)
        row(name or key, time.perf_counter() - begin, clock, ended[0])

    def cancel(key: str, after: float, name: str = "") -> None:
        """Cancel a step some time after its start; print how long it took to stop."""
        ended: list[str] = []
        hear = ended.append
        dock.idle.connect(hear)
        clock.start()
        clock.turn("work")
        dock.panels[key].button.click()
        begin = time.perf_counter()
        wait(lambda: bool(ended) or time.perf_counter() - begin > after)
        begin = time.perf_counter()
        dock.status.button.click()
        wait(lambda: bool(ended))
        clock.turn("idle")
        dock.idle.disconnect(hear)
        row(name or f"cancel {key} at {after:g} s", time.perf_counter() - begin, clock, ended[0])

    for after in (0.3, 1.0, 2.0, 4.0):
        dock.session.models.forget()
        cancel("superpixels", after)
    cancel("flat", 0.5)
    cancel("contours", 1.0)
    cancel("pseudo_labels", 0.5)
    dock.session.models.forget()
    run("superpixels", "superpixels")
    run("superpixels", "superpixels, again")
    run("embed")
    clock.start()
    begin, moves = time.perf_counter(), 10
    clock.turn("layers")
    numbers = np.linspace(50, dock.session.granularity.limits[1], moves).astype(int)
    for number in numbers.tolist():
        dock.session.granularity.show(number)
        QApplication.processEvents()
    clock.turn("idle")
    row("one move of the granularity", (time.perf_counter() - begin) / moves, clock)
    clock.start()
    begin = time.perf_counter()
    clock.turn("layers")
    for evenness in np.linspace(0, 1, moves).tolist():
        dock.session.granularity.even(evenness)
        QApplication.processEvents()
    clock.turn("idle")
    row("one move of the evenness", (time.perf_counter() - begin) / moves, clock)
    pick(viewer, dock, clock)
    run("classes", "predict")
    run("classes", "predict again")
    follow_strokes(dock, clock)
    dock.choices.model.setCurrentText("none (colour only)")
    run("contours", "contours, colour only")
    for form in dock.panels["pseudo_labels"].forms.values():
        form.editors["spacings"].setText("9, 19")
        form.editors["compactnesses"].setText("10")
    run("pseudo_labels", "pseudo-labels, 2 maps")
    (editor,) = (
        form.editors["steps"]
        for form in dock.panels["train"].forms.values()
        if "steps" in form.editors
    )
    editor.setValue(100_000)
    cancel("train", 12.0, "cancel the first train, with torch's imports, at 12 s")
    for after in (1.0, 4.0, 12.0):
        cancel("train", after)
    editor.setValue(steps)
    run("train", f"train, {steps} steps")
    viewer.close()


def pick(viewer: object, dock: object, clock: Clock) -> None:
    """Pick superpixels: select along a line, merge, undo, paint two classes."""
    from qtpy.QtWidgets import QApplication

    panel, picking = dock.panels["classes"], dock.session.picking
    dock.session.granularity.show(2000)
    panel.box.choose(viewer.layers["photo superpixels"])
    rows = {
        "start picking": panel.toggle.click,
        "select 100 pixels' line": lambda: picking.select(picking.along((50, 50), (150, 150))),
        "merge": picking.merge,
        "undo": picking.undo,
        "paint": lambda: picking.paint(value=1),
        "paint another": lambda: picking.paint(picking.along((300, 300), (350, 350)), 2),
    }
    for name, act in rows.items():
        clock.start()
        begin = time.perf_counter()
        clock.turn("layers")
        act()
        QApplication.processEvents()
        clock.turn("idle")
        row(name, time.perf_counter() - begin, clock)


def follow_strokes(dock: object, clock: Clock) -> None:
    """Paint with a prediction at each stroke: from its end to what is predicted, drawn."""
    from qtpy.QtWidgets import QApplication

    panel, picking = dock.panels["classes"], dock.session.picking
    panel.live.setChecked(True)
    ended: list[str] = []
    dock.idle.connect(ended.append)
    seconds = []
    clock.start()
    for stroke in range(5):
        wait(lambda: not dock.outlines.is_waiting)
        clock.turn("layers")
        begin, place = time.perf_counter(), 400 + 20 * stroke
        ended.clear()
        picking.paint(picking.along((place, 50), (place, 90)), 1 + stroke % 2)
        wait(lambda: bool(ended))
        QApplication.processEvents()
        seconds.append(time.perf_counter() - begin)
        clock.turn("idle")
    dock.idle.disconnect(ended.append)
    panel.live.setChecked(False)
    row("prediction after a stroke", float(np.median(seconds)), clock)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small image and few steps")
    parser.add_argument("--side", type=int, default=2048, help="side of the image in pixels")
    parser.add_argument("--write", type=Path, help="page of the documentation to write to")
    arguments = parser.parse_args()
    side = 512 if arguments.quick else arguments.side
    with tempfile.TemporaryDirectory() as folder:
        # Nothing of a person's own models and forms is read or changed.
        os.environ["XDG_DATA_HOME"] = os.environ["XDG_CONFIG_HOME"] = folder
        walk(side, 10 if arguments.quick else 30)
    if arguments.write:
        write(arguments.write, markdown(side))


if __name__ == "__main__":
    main()

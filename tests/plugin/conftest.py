"""Fixtures of the plugin's tests: a real viewer with the dock, opened through the manifest."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_sen.plugin.state.catalogue import Found, catalogue
from napari_sen.plugin.steps.steps import STEPS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    there = "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    if there or not sys.platform.startswith("linux"):
        return
    skip = pytest.mark.skip(reason="no display: run under xvfb-run")
    for item in items:
        if item.get_closest_marker("gui"):
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what a test leaves away from the user's forms and results, and from other tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Found:
    """Spare the search for models and devices, which imports torch."""
    result = Found(("natural",), ("cpu",))
    monkeypatch.setattr(catalogue, "found", result)
    return result


@pytest.fixture
def artifacts() -> Path:
    folder = Path(os.environ.get("NAPARI_SEN_ARTIFACTS", "artifacts"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def errors() -> Iterator[list[str]]:
    """Texts of the notifications that napari shows."""
    from napari.utils.notifications import notification_manager

    shown: list[str] = []

    def record(event: Any) -> None:
        shown.append(event.message)

    notification_manager.notification_ready.connect(record)
    yield shown
    notification_manager.notification_ready.disconnect(record)


@dataclass
class Opened:
    """A viewer with the dock in it, and what a person does with it."""

    viewer: Any
    dock: Any
    qtbot: Any

    def click(self, key: str, timeout: int = 120_000) -> str:
        """Press a step's button, wait until it has ended, return the status line."""
        with self.qtbot.waitSignal(self.dock.idle, timeout=timeout) as ended:
            self.press(key)
        return str(ended.args[0])

    def press(self, key: str) -> None:
        from qtpy.QtCore import Qt
        from qtpy.QtWidgets import QApplication, QScrollArea

        for fold in self.dock.folds.values():
            fold.expand(animate=False)
        button = self.dock.panels[key].button

        def can_be_clicked() -> bool:  # what was folded has to be laid out first
            self.dock.findChild(QScrollArea).ensureWidgetVisible(button)
            QApplication.processEvents()
            return not button.visibleRegion().isEmpty()

        self.qtbot.waitUntil(can_be_clicked, timeout=30_000)
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def added(self, before: int) -> list[Any]:
        return list(self.viewer.layers)[before:]


@pytest.fixture
def opened(make_napari_viewer: Any, qtbot: Any, found: Found) -> Iterator[Opened]:
    viewer = make_napari_viewer(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-sen", "SEN")
    yield Opened(viewer, dock, qtbot)
    with contextlib.suppress(RuntimeError):  # the dock is deleted where the test closed it
        dock.runner.cancel()
    assert_no_threads(qtbot)


def assert_no_threads(qtbot: Any) -> None:
    """Wait until no worker runs: Cancel acts within a second; a busy machine adds some."""
    from qtpy.QtCore import QThreadPool

    pool = QThreadPool.globalInstance()
    qtbot.waitUntil(lambda: pool.activeThreadCount() == 0, timeout=10_000)


@pytest.fixture
def fake_step(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[..., Any]], None]:
    """Put another work behind a step's button."""

    def fake(key: str, perform: Callable[..., Any]) -> None:
        monkeypatch.setitem(STEPS, key, replace(STEPS[key], perform=perform))

    return fake


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """Tiny networks are slower on many threads, and far slower on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def photo() -> np.ndarray:
    from napari_sen.data import load_sample

    return load_sample("coffee")[0][100:196, 100:228]

"""How long the window did not answer, by a timer in Qt's loop."""

import threading
import time
from pathlib import Path


def _waited():
    """Seconds that this thread was ready to run but had no processor; 0 where nobody tells."""
    try:
        told = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat").read_text()
    except OSError:
        return 0.0
    return int(told.split()[1]) / 1e9


class Freezes:
    """Ticks every 5 ms; the longest time between two ticks is the longest freeze.

    Time in which other programs had the processor is not counted: it is the machine's, not ours.
    """

    def __init__(self):
        from qtpy.QtCore import Qt, QTimer

        self.longest = 0.0
        self._on = False
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(5)

    def start(self):
        self.longest, self._on = 0.0, True
        self._last, self._idle = time.perf_counter(), _waited()

    def stop(self, *_):
        """Do not count what comes now, such as the insertion of layers."""
        if self._on:
            self._tick()
            self._on = False

    def go_on(self):
        self._on = True
        self._last, self._idle = time.perf_counter(), _waited()

    def end(self):
        self.stop()
        self._timer.stop()

    def _tick(self):
        if not self._on:
            return
        now, idle = time.perf_counter(), _waited()
        self.longest = max(self.longest, now - self._last - (idle - self._idle))
        self._last, self._idle = now, idle

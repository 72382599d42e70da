"""The panel of a step: its button, what it does, its parameters, where its result goes."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFormLayout, QFrame, QPushButton, QVBoxLayout, QWidget
from superqt import QCollapsible

from ...errors import ParameterError
from ...params import Params
from ..state.observed import follow
from ..steps.session import Session
from ..steps.steps import STEPS
from .folding import folded
from .forms import ParamsForm
from .scroll import hint
from .store_chooser import StoreChooser

__all__ = ["StepPanel"]


class StepPanel(QFrame):
    """A step: its button, what it does, its essential parameters, and the folded others.

    ``store`` is where the result goes if the step can work in tiles, else None.
    """

    run = Signal(str)

    def __init__(self, key: str, session: Session, viewer: Any) -> None:
        super().__init__()
        self.key, self._session, self._viewer, self._writing = key, session, viewer, False
        step = STEPS[key]
        self.button = QPushButton(step.title)
        self.button.setToolTip(step.about)
        self.button.clicked.connect(lambda: self.run.emit(self.key))
        self.forms = {kind: ParamsForm(kind, without=step.hidden) for kind in step.params}
        self.store = None if step.tiled is None else StoreChooser(session, key, self)
        self._build()
        for form in self.forms.values():
            form.on_edit(self._edited)
        follow(self, session.changed, self._follow)

    def _build(self) -> None:
        """Lay everything out."""
        step = STEPS[self.key]
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 4)
        layout.setSpacing(3)
        layout.addWidget(self.button)
        layout.addWidget(hint(step.about))
        essential = QFormLayout()
        essential.setContentsMargins(6, 0, 0, 0)
        essential.setVerticalSpacing(3)
        self._extra(essential)
        for form in self.forms.values():
            form.fill(essential, [name for name in step.essential if name in form.editors])
        layout.addLayout(essential)
        self._finish_layout(layout)
        self.advanced = self._advanced(step.essential)
        if self.advanced is not None:
            layout.addWidget(self.advanced)

    def _extra(self, layout: QFormLayout) -> None:
        """Add the rows that no parameter class has."""

    def _finish_layout(self, layout: QVBoxLayout) -> None:
        """Add what comes below the essential rows."""
        if self.store is not None:
            layout.addWidget(self.store)

    def _advanced(self, essential: tuple[str, ...]) -> QCollapsible | None:
        content = QWidget()
        layout = QFormLayout(content)
        layout.setContentsMargins(6, 0, 0, 0)
        for kind, form in self.forms.items():
            names = [name for name in form.editors if name not in essential]
            if names and len(self.forms) > 1:
                layout.addRow(hint((kind.__doc__ or "").splitlines()[0]))
            form.fill(layout, names)
        if layout.rowCount() == 0:
            return None
        return folded("Advanced", content)

    def read(self) -> None:
        """Put what is edited into the session; ParameterError if something is not legal."""
        self._session.set(*(self._value(kind) for kind in self.forms))

    def write(self) -> None:
        """Show what the session has."""
        self._writing = True  # half of it is no edit
        try:
            self._write()
        finally:
            self._writing = False

    def _write(self) -> None:
        """Show what the session has; what says so already is left as it was typed."""
        for kind, form in self.forms.items():
            with suppress(ParameterError):
                if self._value(kind) == self._session.params[kind]:
                    continue
            form.set_value(self._session.params[kind])

    def _edited(self, *_: object) -> None:
        """Follow an edit; what is not legal (yet) is told when the button is pressed."""
        if not self._writing:
            with suppress(ParameterError):
                self.read()

    def _follow(self, name: str) -> None:
        """Show what was changed in the session."""
        if name in self._shown():
            self.write()

    def _shown(self) -> set[str]:
        """Return the names of what this panel shows of the session."""
        return {kind.__name__ for kind in self.forms}

    def _value(self, kind: type[Params]) -> Params:
        hidden = {
            name: getattr(self._session.params[kind], name)
            for name in STEPS[self.key].hidden
            if name in kind.__dataclass_fields__
        }
        return self.forms[kind].value(**hidden)

    def image_changed(self) -> None:
        """Follow another image, or another pixel size."""
        if self.store is not None:
            self.store.refresh()

    def set_running(self, on: bool) -> None:
        """Follow whether this step is going on."""
        if self.store is not None:
            self.store.set_running(on)

    def leave(self) -> None:
        """Let go of the viewer and of the session."""
        self._session.changed.disconnect(self._follow, missing_ok=True)
        if self.store is not None:
            self.store.leave()

"""Forms made from the parameter classes: one editor per field, with its help, unit and limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import Field, fields
from typing import Any

from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from ...params import Params
from .editors import INT_LIMIT, ListEdit, NumberBox, OptionalBox

__all__ = ["ParamsForm", "label_of"]

# Where the field's name alone would not be understood.
LABELS = {
    "n_segments": "Number",
    "n_sizes": "Number of sizes",
    "clustered": "Clustered (mean shift)",
    "spacings": "Seed spacings",
    "thin": "Thin lines",
    "dim": "Embedding size",
    "ema": "Averaging",
    "eta": "Step size",
    "sampled": "Sampled share",
    "noise": "Added noise",
    "validation": "Held-out share",
    "batch": "Crops in a step",
    "crop": "Crop side",
}


def label_of(name: str) -> str:
    """Return a field's name as a label: ``learning_rate`` -> ``Learning rate``."""
    return LABELS.get(name, name.replace("_", " ").capitalize())


def _int_box(meta: Any, name: str) -> QWidget:
    box = QSpinBox()
    low, high = meta.get("low"), meta.get("high")
    box.setRange(-INT_LIMIT if low is None else int(low), INT_LIMIT if high is None else int(high))
    box.setStepType(QSpinBox.StepType.AdaptiveDecimalStepType)
    return box


def _float_box(meta: Any, name: str) -> QWidget:
    box = NumberBox()
    low, high, above = meta.get("low"), meta.get("high"), meta.get("above")
    least = -1e12 if low is None else float(low)
    # The exclusive limit itself must not be reachable by the arrows.
    box.setRange(least if above is None else above + 1e-9, 1e12 if high is None else float(high))
    return box


def _optional_box(meta: Any, name: str) -> QWidget:
    box = OptionalBox()
    low, high = float(meta.get("low") or 0.0), float(meta.get("high") or 1e12)
    step = 0.1 if high < 10 else 1.0
    # What is not legal itself, or one step below the range, stands for "auto".
    box.setRange(low if meta.get("above") == low else low - step, high)
    box.setStepType(QDoubleSpinBox.StepType.DefaultStepType)
    box.setSingleStep(step)
    return box


def _editor(item: Field[Any]) -> QWidget:
    meta, default = item.metadata, item.default
    if meta.get("choices"):
        box = QComboBox()
        box.addItems(list(meta["choices"]))
        return box
    if isinstance(default, bool):
        return QCheckBox()
    if isinstance(default, tuple):
        return ListEdit(label_of(item.name), type(default[0]))
    if default is None:
        return _optional_box(meta, item.name)
    make = _int_box if isinstance(default, int) else _float_box
    return make(meta, item.name)


def _read(editor: QWidget) -> Any:
    if isinstance(editor, QComboBox):
        return editor.currentText()
    if isinstance(editor, QCheckBox):
        return editor.isChecked()
    return editor.value()  # type: ignore[attr-defined]


def _write(editor: QWidget, value: Any) -> None:
    if isinstance(editor, QComboBox):
        editor.setCurrentText(value)
    elif isinstance(editor, QCheckBox):
        editor.setChecked(value)
    else:
        editor.setValue(value)  # type: ignore[attr-defined]


def _edits(editor: QWidget) -> Any:
    """Return the signal that tells of an editor's changes."""
    if isinstance(editor, QComboBox):
        return editor.currentIndexChanged
    if isinstance(editor, QCheckBox):
        return editor.toggled
    if isinstance(editor, QLineEdit):
        return editor.textChanged
    return editor.valueChanged  # type: ignore[attr-defined]


def _plain(limit: float) -> str:
    """Return a number as people write it."""
    return f"{limit:,.10g}"


def _tooltip(item: Field[Any]) -> str:
    meta = item.metadata
    parts = []
    if meta.get("above") is not None:
        parts.append(f"greater than {_plain(meta['above'])}")
    if meta.get("low") is not None:
        parts.append(f"at least {_plain(meta['low'])}")
    if meta.get("high") is not None:
        parts.append(f"at most {_plain(meta['high'])}")
    limits = f" ({', '.join(parts)})" if parts and not meta.get("choices") else ""
    text = str(meta.get("help", ""))
    return f"{text[:1].upper()}{text[1:]}{limits}"


class ParamsForm:
    """The editors of one parameter class, laid out by whoever owns the form.

    Parameters
    ----------
    kind : type of Params
        The parameter class.
    without : sequence of str
        Fields that have no row here and keep their default, unless ``values`` gives them.
    """

    def __init__(self, kind: type[Params], without: Sequence[str] = ()) -> None:
        self.kind = kind
        self.editors: dict[str, QWidget] = {}
        self._labels: dict[str, str] = {}
        for item in fields(kind):
            if item.name in without:
                continue
            editor = _editor(item)
            unit = item.metadata.get("unit")
            if unit and isinstance(editor, QSpinBox | QDoubleSpinBox):
                editor.setSuffix(f" {unit}")
            editor.setToolTip(_tooltip(item))
            editor.setAccessibleName(label_of(item.name))
            editor.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            _write(editor, item.default)
            self.editors[item.name] = editor
            listed = f" ({unit})" if unit and isinstance(editor, ListEdit) else ""
            self._labels[item.name] = label_of(item.name) + listed

    def fill(self, layout: QFormLayout, names: Sequence[str]) -> None:
        """Add a row for each of ``names`` to ``layout``."""
        for name in names:
            editor = self.editors[name]
            if isinstance(editor, QCheckBox):
                editor.setText(self._labels[name])
                layout.addRow(editor)
            else:
                layout.addRow(self._labels[name], editor)

    def on_edit(self, slot: Callable[..., object]) -> None:
        """Call ``slot`` after every change of an editor."""
        for editor in self.editors.values():
            _edits(editor).connect(slot)

    def value(self, **values: Any) -> Params:
        """Return the parameters as edited, with ``values`` on top; ParameterError if illegal."""
        return self.kind(**{name: _read(editor) for name, editor in self.editors.items()} | values)

    def set_value(self, params: Params) -> None:
        """Show ``params``."""
        for name, editor in self.editors.items():
            _write(editor, getattr(params, name))

"""Forms made from the parameter classes: one editor per field, with its help, unit and limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import Field, fields
from typing import Any

from qtpy.QtCore import QSignalBlocker, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from ...errors import ParameterError
from ...params import Params, SegmentParams

__all__ = ["ParamsForm", "SizeEditor", "label_of"]

INT_LIMIT = 2**31 - 1

# Where the field's name alone would not be understood.
LABELS = {
    "n_segments": "Number",
    "n_sizes": "Number of sizes",
    "clustered": "Clustered (after the mean shift)",
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


class NumberBox(QDoubleSpinBox):
    """A spin box that shows 10 as "10" and 0.002 as "0.002", and takes 1e-4 as well."""

    def __init__(self) -> None:
        super().__init__()
        self.setDecimals(9)
        self.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)

    def textFromValue(self, value: float) -> str:
        """Return the shortest text of ``value``."""
        return f"{value:.6g}"

    def valueFromText(self, text: str | None) -> float:
        """Return the number in ``text``, which may carry the unit."""
        return float((text or "").removesuffix(self.suffix()).strip().replace(",", "."))

    def validate(self, text: str | None, position: int) -> tuple[QValidator.State, str, int]:
        """Accept what Python reads as a number; anything else may still become one."""
        try:
            value = self.valueFromText(text)
        except ValueError:
            return QValidator.State.Intermediate, text or "", position
        inside = self.minimum() <= value <= self.maximum()
        state = QValidator.State.Acceptable if inside else QValidator.State.Intermediate
        return state, text or "", position


class OptionalBox(NumberBox):
    """A number, or at the low end of the range "auto": the value that suits the image."""

    def __init__(self) -> None:
        super().__init__()
        self.setSpecialValueText("auto")

    def value(self) -> float | None:  # type: ignore[override]
        """Return the number; None for "auto"."""
        number = super().value()
        return None if number == self.minimum() else number

    def setValue(self, value: float | None) -> None:
        """Show ``value``."""
        super().setValue(self.minimum() if value is None else value)

    def validate(self, text: str | None, position: int) -> tuple[QValidator.State, str, int]:
        """Accept "auto" beside the numbers."""
        if text == self.specialValueText():
            return QValidator.State.Acceptable, text, position
        return super().validate(text, position)

    def valueFromText(self, text: str | None) -> float:
        """Return the number in ``text``; the lowest one for "auto"."""
        return self.minimum() if text == self.specialValueText() else super().valueFromText(text)


class ListEdit(QLineEdit):
    """A comma-separated list of numbers."""

    def __init__(self, name: str, kind: type) -> None:
        super().__init__()
        self._name, self._kind = name, kind

    def value(self) -> tuple[Any, ...]:
        """Return the numbers; ParameterError if the text is no such list."""
        words = self.text().replace(";", ",").replace(",", " ").split()
        try:
            return tuple(self._kind(word) for word in words)
        except ValueError:
            raise ParameterError(
                f"{self._name} must be numbers separated by commas, such as 6, 9, 13; "
                f"got {self.text()!r}"
            ) from None

    def setValue(self, value: Sequence[float]) -> None:
        """Show ``value``."""
        self.setText(", ".join(f"{entry:g}" for entry in value))


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


def _tooltip(item: Field[Any]) -> str:
    meta = item.metadata
    parts = []
    if meta.get("above") is not None:
        parts.append(f"greater than {meta['above']:g}")
    if meta.get("low") is not None:
        parts.append(f"at least {meta['low']:g}")
    if meta.get("high") is not None:
        parts.append(f"at most {meta['high']:g}")
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


class SizeEditor(QWidget):
    """Superpixel size: as a number of superpixels, or as their diameter in the layer's units."""

    NUMBER, DIAMETER = 0, 1
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        meta = {item.name: item for item in fields(SegmentParams)}
        self.how = QComboBox()
        self.how.addItems(["Number", "Diameter"])
        self.how.setToolTip("Say how many superpixels you want, or how large each should be")
        self.how.setAccessibleName("Superpixel size given as")
        self.number = _int_box(meta["n_segments"].metadata, "n_segments")
        self.diameter = _float_box(meta["size"].metadata, "size")
        for box, name in ((self.number, "n_segments"), (self.diameter, "size")):
            box.setToolTip(_tooltip(meta[name]))
            box.setAccessibleName(label_of(name))
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            # Beside the text there are two buttons, whose width the theme does not tell Qt.
            box.setMinimumWidth(box.fontMetrics().horizontalAdvance("0000 µm") + 80)
        _write(self.number, meta["n_segments"].default)
        self._edited = False
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.how)
        layout.addWidget(self.number, 1)
        layout.addWidget(self.diameter, 1)
        self.how.currentIndexChanged.connect(self._show)
        self.diameter.valueChanged.connect(self._mark)  # type: ignore[attr-defined]
        self.how.currentIndexChanged.connect(self.changed)
        for box in (self.number, self.diameter):
            box.valueChanged.connect(self.changed)  # type: ignore[attr-defined]
        self.set_pixel(1.0, "px")
        self._show()

    def set_pixel(self, pixel: float, unit: str) -> None:
        """Follow the layer's unit; propose 20 pixels as long as nobody has typed a diameter."""
        box = self.diameter
        assert isinstance(box, NumberBox)
        box.setSuffix(f" {unit}")
        if not self._edited:
            blocker = QSignalBlocker(box)
            box.setValue(float(f"{20 * pixel:.3g}") if math.isfinite(pixel) else 20.0)
            blocker.unblock()

    def set_value(self, params: SegmentParams) -> None:
        """Show the size that parameters ask for."""
        _write(self.number, params.n_segments)
        if params.size is not None:
            _write(self.diameter, params.size)
        self.how.setCurrentIndex(self.NUMBER if params.size is None else self.DIAMETER)

    def value(self) -> dict[str, Any]:
        """Return ``n_segments`` and ``size``, which is None where the number counts."""
        by_number = self.how.currentIndex() == self.NUMBER
        size = None if by_number else _read(self.diameter)
        return {"n_segments": _read(self.number), "size": size}

    def _show(self, *_: object) -> None:
        by_number = self.how.currentIndex() == self.NUMBER
        self.number.setVisible(by_number)
        self.diameter.setVisible(not by_number)

    def _mark(self, *_: object) -> None:
        self._edited = True

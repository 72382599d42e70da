"""Editors of numbers, as forms need them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QDoubleSpinBox, QLineEdit

from ...errors import ParameterError

__all__ = ["INT_LIMIT", "ListEdit", "NumberBox", "OptionalBox"]

INT_LIMIT = 2**31 - 1


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

"""Panels of steps that need a row of their own."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QFormLayout

from .panel import StepPanel

__all__ = ["EmbedPanel"]


class EmbedPanel(StepPanel):
    """Adds the choice of the embedding itself."""

    def _extra(self, layout: QFormLayout) -> None:
        self.channels = QCheckBox("Also add all channels as a layer")
        self.channels.setToolTip("Besides the picture, add the values of every pixel")
        layout.addRow(self.channels)
        self.channels.toggled.connect(self._edited)

    def read(self) -> None:
        """Read the choice as well."""
        super().read()
        self._session.all_channels = self.channels.isChecked()

    def _write(self) -> None:
        super()._write()
        self.channels.setChecked(self._session.all_channels)

    def _shown(self) -> set[str]:
        return super()._shown() | {"all_channels"}

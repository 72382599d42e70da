"""What becomes of napari's layers; no Qt in here."""

from ...needs import ALL, need

need("napari", what="the plugin", install=ALL)

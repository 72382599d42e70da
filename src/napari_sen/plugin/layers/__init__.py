"""What becomes of napari's layers; no Qt in here."""

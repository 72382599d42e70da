"""What the plugin knows: images, models, stores; neither Qt nor napari in here."""

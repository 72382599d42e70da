"""The napari side: widgets that bind to the session and run the pipeline off the GUI thread."""

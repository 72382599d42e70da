"""The widgets, which bind to the session."""

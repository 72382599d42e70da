"""One image through the whole chain."""

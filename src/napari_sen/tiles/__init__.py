"""Images cut into tiles: their geometry, what is known of them, and who works on them."""

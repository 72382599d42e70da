"""What the plugin does, and the session that does it; no Qt in here."""

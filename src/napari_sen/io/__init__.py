"""Files: what is read and written, and how."""

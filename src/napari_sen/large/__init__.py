"""Files and stores: what is read and written, and how."""

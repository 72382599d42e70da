"""Arrays in, arrays out: the algorithms, without files, torch or a GUI."""

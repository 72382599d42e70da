"""Slow, readable twins of the compiled kernels: what they must equal, bit for bit."""

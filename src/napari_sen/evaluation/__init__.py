"""Measuring methods on data with human annotations."""

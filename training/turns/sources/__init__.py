"""Data sets of conversations, read into turns."""

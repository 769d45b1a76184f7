"""Data sets of labelled calls, read into rows."""

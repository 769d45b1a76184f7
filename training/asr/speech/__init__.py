"""Recorded speech, the files that hold it, and what a telephone line does to it."""

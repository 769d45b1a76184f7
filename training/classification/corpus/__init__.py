"""Prepared rows: their files, splits, repeats and the checks of them."""

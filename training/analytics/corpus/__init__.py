"""Analysed calls to learn from: prepared, generated, split once."""

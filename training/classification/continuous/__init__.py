"""Continuous learning: sessions that start from the champion and make the next version."""

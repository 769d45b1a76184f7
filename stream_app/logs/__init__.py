"""Structured logs, held within bounds and safe for a terminal."""

"""Calls whose pauses and ends of turns are known: synthetic, real, or only their words."""

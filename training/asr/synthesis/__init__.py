"""Synthesised speech: sentences, voices, synthesisers, and what is made with them."""

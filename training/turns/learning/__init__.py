"""The end-of-turn network: its base, its inputs, and how it learns."""

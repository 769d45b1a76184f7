"""The systems that end turns, and how each is scored."""

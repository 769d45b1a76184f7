"""The messages of a call in their order, which no timing changes."""

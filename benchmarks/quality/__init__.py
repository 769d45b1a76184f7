"""How many words come out wrong."""

"""Training of the end-of-turn models: data, networks, evaluation, export."""

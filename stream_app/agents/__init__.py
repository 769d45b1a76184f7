"""The agents: a definition each, and the registry that names them."""

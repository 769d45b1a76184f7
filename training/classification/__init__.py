"""Training of the models that say what calls are about."""

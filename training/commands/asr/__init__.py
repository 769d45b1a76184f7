"""The commands of the speech training."""

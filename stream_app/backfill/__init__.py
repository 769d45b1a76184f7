"""Answers again for calls that are over, by the present version of a model."""

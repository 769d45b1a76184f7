"""Corrections of labels on their way back to training."""

"""Calls written by hand, with their analyses, that no training reads."""

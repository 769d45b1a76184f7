"""The export of trained classification models to the graphs that answer calls."""

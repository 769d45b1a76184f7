"""Export of trained models to the graphs that the live path loads."""

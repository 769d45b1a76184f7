"""From trained folders to the graphs that the live path loads."""

"""Sources of analysed calls, and how each of them is read."""

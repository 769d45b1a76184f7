"""Optional packages: one module for each extra imports it, every user imports that module."""

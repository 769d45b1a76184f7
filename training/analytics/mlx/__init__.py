"""Adapters learn on mlx-lm: Apple's chips, and MLX's CPU build on Linux."""

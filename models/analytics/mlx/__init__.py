"""Models and adapters as mlx-lm has them: their folders, and what they become in memory."""

"""The extra ``mlx``: a back-end of speech recognition for Apple's chips."""

from models.extras.requirement import required_for

with required_for("the MLX back-end", extra="mlx"):
    from mlx import core

__all__ = ["core"]

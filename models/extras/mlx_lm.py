"""mlx-lm, of the extra ``mlx``: language models on Apple's chips."""

from models.extras.requirement import required_for

with required_for("a language model on MLX", extra="mlx"):
    import mlx_lm.utils as language_models
    from mlx import nn, optimizers
    from mlx import utils as trees
    from mlx_lm.models import cache
    from mlx_lm.tuner import utils as tuning

__all__ = ["cache", "language_models", "nn", "optimizers", "trees", "tuning"]

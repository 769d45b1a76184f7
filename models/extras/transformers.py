"""transformers, PEFT and torch, of the extra ``train``: language models as they are trained."""

from models.extras.requirement import required_for

with required_for("the back-end transformers", extra="train"):
    import peft
    import torch
    import transformers

__all__ = ["peft", "torch", "transformers"]

"""The extra ``torch``: the reference back-end, and what reads openai-whisper's checkpoints."""

from models.extras.requirement import required_for

with required_for("the torch back-end, or a checkpoint of openai-whisper,", extra="torch"):
    import torch
    import whisper
    from torch.nn import functional

__all__ = [
    "functional",
    "torch",
    "whisper",
]

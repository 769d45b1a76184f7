"""The part of llguidance that reads tokenizers of transformers, of the extra ``train``."""

from models.extras.requirement import required_for

with required_for("a tokenizer of transformers", extra="train"):
    from llguidance import hf

__all__ = ["hf"]

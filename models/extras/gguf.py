"""gguf, of the extra ``train``: the files of llama.cpp."""

from models.extras.requirement import required_for

with required_for("a GGUF file", extra="train"):
    import gguf

__all__ = ["gguf"]

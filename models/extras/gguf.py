"""gguf, of the extra ``analytics``: the files of llama.cpp."""

from models.extras.requirement import required_for

with required_for("a GGUF file", extra="analytics"):
    import gguf

__all__ = ["gguf"]

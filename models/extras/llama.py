"""xllamacpp, of the extra ``analytics``: llama.cpp without torch."""

from models.extras.requirement import required_for

with required_for("the back-end llama", extra="analytics"):
    import xllamacpp

__all__ = ["xllamacpp"]

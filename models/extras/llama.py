"""xllamacpp, of the extra ``llama``: llama.cpp without torch."""

from models.extras.requirement import required_for

with required_for("the back-end llama", extra="llama"):
    import xllamacpp

__all__ = ["xllamacpp"]

"""The extra ``ctranslate2``: a back-end of speech recognition."""

from models.extras.requirement import required_for

with required_for("the CTranslate2 back-end", extra="ctranslate2"):
    import ctranslate2

__all__ = ["ctranslate2"]

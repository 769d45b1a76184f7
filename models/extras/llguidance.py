"""llguidance, of the extra ``analytics``: grammars of answers, as masks of tokens."""

from models.extras.requirement import required_for

with required_for("an answer by a grammar", extra="analytics"):
    import llguidance
    from llguidance import numpy

__all__ = ["llguidance", "numpy"]

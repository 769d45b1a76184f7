"""Jinja, of the extra ``analytics``: chat templates of language models."""

from models.extras.requirement import required_for

with required_for("a chat template", extra="analytics"):
    import jinja2
    from jinja2 import sandbox

__all__ = ["jinja2", "sandbox"]

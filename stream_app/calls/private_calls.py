"""Calls whose context asks that nothing be made of them but a transcript."""

from models.private_calls import OPT_OUT, is_private

__all__ = ["OPT_OUT", "is_private"]

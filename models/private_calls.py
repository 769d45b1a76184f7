"""Calls whose context asks that nothing be made of them but a transcript."""

from schemas.base import CallContext

OPT_OUT = "analytics"  # attribute of a call's context: `false` leaves the call alone


def is_private(context: CallContext) -> bool:
    """Return whether a call is neither to be classified nor learnt from."""
    return context.attributes.get(OPT_OUT, "").strip().lower() == "false"

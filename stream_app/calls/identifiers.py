"""Return the ids of what a call leads to, from the call, the channel and the audio clock."""


def event_id(call_id: str, kind: str, *place: int | str) -> str:
    """Return the id of an event: the same place in the same call has the same id."""
    return "/".join((call_id, kind, *(str(part) for part in place)))


def segment_id(call_id: str, channel: int, start_ms: int) -> str:
    """Return the id of the segment of ``channel`` that begins at ``start_ms``."""
    return event_id(call_id, "segment", channel, start_ms)


def turn_id(call_id: str, channel: int, start_ms: int) -> str:
    """Return the id of the turn of ``channel`` that begins at ``start_ms``."""
    return event_id(call_id, "turn", channel, start_ms)

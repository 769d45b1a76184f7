"""Ids of events, segments and turns, made of the call, the channel and the audio clock."""


def event_id(call_id: str, kind: str, *position: int | str) -> str:
    """Return the id of an event: the same position in the same call has the same id."""
    return "/".join((call_id, kind, *(str(part) for part in position)))


def segment_id(call_id: str, channel: int, start_ms: int) -> str:
    """Return the id of the segment of ``channel`` that begins at ``start_ms``."""
    return event_id(call_id, "segment", channel, start_ms)


def turn_id(call_id: str, channel: int, start_ms: int) -> str:
    """Return the id of the turn of ``channel`` that begins at ``start_ms``."""
    return event_id(call_id, "turn", channel, start_ms)

"""Messages that keep the system going: checkpoints and alerts."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.base import CallId, Message, Name

MAX_POSITION = 16  # elements


class Checkpoint(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="checkpoint.v1"
):
    """From where an agent resumes a call; the one with the highest position wins.

    Attributes:
        agent: Name of the agent that wrote it.
        call_id: With ``agent``, the key of the compacted topic.
        position: Grows with the call's progress, compared element by element; a late writer's
            older checkpoint has a lower one.
        is_closed: The call is finished; all further input of it is ignored.
        state: The agent's own state of the call, as JSON values.
        written_at_ns: Wall clock (Unix, ns), for the retention.
    """

    agent: Name
    call_id: CallId
    position: Annotated[tuple[int, ...], Meta(max_length=MAX_POSITION)]
    is_closed: bool
    state: dict[str, object]
    written_at_ns: int = 0


class Alert(Message, frozen=True, kw_only=True, tag="alert.v1"):
    """Something that a supervisor should look at.

    Attributes:
        kind: What happened, for example ``audio_after_end``.
        severity: How soon somebody should look.
        source: The agent or rule that raised it.
        details: Figures and ids; never transcript text.
    """

    kind: Name
    severity: Literal["info", "warning", "high", "critical"]
    source: Name
    details: dict[str, str] = {}

"""Return the parts that every message shares: the header, the parties, the identifiers."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Party = Literal["agent", "customer", "unknown"]
Encoding = Literal["mulaw", "alaw", "pcm16"]

# Bounded, so that no sum of them ever leaves the 64 bits that JSON writers take.
Milliseconds = Annotated[int, Meta(ge=-1, le=2**40)]  # on the audio clock; -1 means none
Nanoseconds = Annotated[int, Meta(ge=0, le=2**63 - 1)]  # of the wall clock, since 1970
Count = Annotated[int, Meta(ge=-1, le=2**53)]  # -1 means none yet

RUN_SEPARATOR = "~"  # a replay mints `<call>~<run>`, so that replaying a call twice gives two calls


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema"):
    """Header of every message on a result topic (JSON objects).

    Attributes:
        event_id: Derived from the call, the channel and the audio clock, so that a message
            produced twice is recognised as the same.
        call_id: Key of the message on its topic.
        captured_at_ns: Wall clock (Unix, ns) at which the audio that led to this message was
            captured. For latency only, never for meaning.
    """

    event_id: str
    call_id: str
    captured_at_ns: Nanoseconds


class CallContext(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the telephony knows of a call beside its audio.

    Attributes:
        started_at_ns: Wall clock (Unix, ns) of the call's first audio; 0 where unknown.
        queue_wait_ms: Time the caller waited before the call was answered.
        hot_words: Names and terms that the recognizer may favour, where its weights can.
        attributes: Anything else, as strings; copied through, never interpreted.
    """

    started_at_ns: Nanoseconds = 0
    direction: Literal["inbound", "outbound", "internal", "unknown"] = "unknown"
    agent_id: str = ""
    customer_id: str = ""
    queue: str = ""
    queue_wait_ms: Milliseconds = 0
    domain: str = ""
    language: str = "en"
    hot_words: tuple[str, ...] = ()
    attributes: dict[str, str] = {}


def source_call_id(call_id: str) -> str:
    """Return the call id without the run that a replay appended."""
    return call_id.partition(RUN_SEPARATOR)[0]

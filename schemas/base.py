"""Parts that every message shares: the header, the parties, the identifiers, the bounds.

Every field is bounded, so that a message refuses itself at decode instead of costing memory, and
so that whatever is derived from one call's values stays below the largest message of a topic: JSON
writes a character of text in up to `JSON_BYTES_PER_CHARACTER` bytes.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Party = Literal["agent", "customer", "unknown"]
Encoding = Literal["mulaw", "alaw", "pcm16"]

MAX_MESSAGE_BYTES = 4 * 1024 * 1024  # on topics and clients alike
JSON_BYTES_PER_CHARACTER = 6  # a control character is written as \u0001

MAX_CHANNELS = 8
MAX_CALL_MS = 24 * 3_600_000  # no call is longer: a later time is corrupt
MAX_CALL_ID = 256  # characters
MAX_IDENTIFIER = 512  # a call id and what is derived from it: kind, channel, audio clock
MAX_NAME = 256
MAX_LANGUAGE = 64
MAX_HOT_WORDS = 100
MAX_HOT_WORD = 100  # characters
MAX_ATTRIBUTES = 64
MAX_ATTRIBUTE_KEY = 128
MAX_ATTRIBUTE_VALUE = 2_048
MAX_SEGMENT_TEXT = 65_536  # 28 s of audio make 344 tokens at most
MAX_SEGMENT_WORDS = 4_096
MAX_WORD = 1_024
MAX_MODELS = 64
MAX_HOLDS = 1_000  # of a call; each has a begin and an end
MAX_DTMF_KEYS = 5_000  # of a call
MAX_DIGIT = 64

# C0, DEL and C1: a call id is a key, a label in logs and a word on terminals, where such characters
# are commands. Neither decoder lets a lone surrogate pass: UTF-8 has no encoding for it.
NO_CONTROL_CHARACTERS = r"^[^\x00-\x1f\x7f-\x9f]+(?![\s\S])"

CallId = Annotated[str, Meta(min_length=1, max_length=MAX_CALL_ID, pattern=NO_CONTROL_CHARACTERS)]
Identifier = Annotated[str, Meta(max_length=MAX_IDENTIFIER)]
Name = Annotated[str, Meta(max_length=MAX_NAME)]
Language = Annotated[str, Meta(max_length=MAX_LANGUAGE)]
Digit = Annotated[str, Meta(max_length=MAX_DIGIT)]  # one of 0-9, A-D, *, #, or an event's name
HotWord = Annotated[str, Meta(max_length=MAX_HOT_WORD)]
AttributeKey = Annotated[str, Meta(max_length=MAX_ATTRIBUTE_KEY)]
AttributeValue = Annotated[str, Meta(max_length=MAX_ATTRIBUTE_VALUE)]
SegmentText = Annotated[str, Meta(max_length=MAX_SEGMENT_TEXT)]
Parties = Annotated[tuple[Party, ...], Meta(max_length=MAX_CHANNELS)]

# Bounded, so that no sum of them ever leaves the 64 bits that JSON writers take.
Milliseconds = Annotated[int, Meta(ge=-1, le=2**40)]  # on the audio clock; -1 means none
Nanoseconds = Annotated[int, Meta(ge=0, le=2**63 - 1)]  # of the wall clock, since 1970
Count = Annotated[int, Meta(ge=-1, le=2**53)]  # -1 means none yet
Channel = Annotated[int, Meta(ge=0, le=MAX_CHANNELS - 1)]
KeyChannel = Annotated[int, Meta(ge=-1, le=255)]  # as the gateway says; perhaps no channel
SampleRate = Annotated[int, Meta(ge=-1, le=10**6)]  # Hz
Decibels = Annotated[float, Meta(ge=-120, le=20)]  # below full scale
Ratio = Annotated[float, Meta(ge=-1, le=1)]  # a share or probability; -1 means none

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

    event_id: Identifier
    call_id: CallId
    captured_at_ns: Nanoseconds


class CallContext(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the telephony knows of a call beside its audio.

    Attributes:
        started_at_ns: Wall clock (Unix, ns) of the call's first audio; 0 where unknown.
        direction: Who called whom, as the contact centre sees it.
        agent_id: Of the person on the side of the contact centre.
        customer_id: Of the other one.
        queue: In which the caller waited.
        domain: Subject of the call; routes it to a model of turns.
        language: A tag such as ``en`` or ``en-US``; if empty, weights of several languages
            detect it.
        queue_wait_ms: Time the caller waited before the call was answered.
        hot_words: Names and terms that the recognizer may favour, where its weights can.
        attributes: Anything else, as strings, copied through; routes and ``analytics`` are read.
    """

    started_at_ns: Nanoseconds = 0
    direction: Literal["inbound", "outbound", "internal", "unknown"] = "unknown"
    agent_id: Name = ""
    customer_id: Name = ""
    queue: Name = ""
    queue_wait_ms: Milliseconds = 0
    domain: Name = ""
    language: Language = "en"
    hot_words: Annotated[tuple[HotWord, ...], Meta(max_length=MAX_HOT_WORDS)] = ()
    attributes: Annotated[dict[AttributeKey, AttributeValue], Meta(max_length=MAX_ATTRIBUTES)] = {}

    def __hash__(self) -> int:
        """Return a hash, as of any frozen message: a dictionary alone has none."""
        return hash((*msgspec.structs.astuple(self)[:-1], *sorted(self.attributes.items())))

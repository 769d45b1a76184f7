"""Messages of `calls.audio.v1`.

We write them as MessagePack arrays, first element the tag, so that fields are positional: new ones
go to the end and carry a default. See `audio_forms` for the forms with names.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.base import (
    MAX_CHANNELS,
    CallContext,
    CallId,
    Count,
    Digit,
    Encoding,
    Identifier,
    KeyChannel,
    Milliseconds,
    Nanoseconds,
    Parties,
    SampleRate,
)

MIN_CHUNK_MS = 20
MAX_CHUNK_MS = 200
# Above 200 ms at any rate, so that a chunk that is somewhat too long is refused as such
MAX_PAYLOAD_BYTES = 48_000 * 2 * 1_200 // 1_000  # 1.2 s of PCM16 at 48 kHz, 0.3 s at 192 kHz
Payload = Annotated[bytes, Meta(max_length=MAX_PAYLOAD_BYTES)]

EndReason = Literal["completed", "transferred", "failed", "stale"]


class AudioMessage(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag_field="schema"):
    """Header of every message on the audio topic.

    Attributes:
        event_id: Any text that is the same when the message is sent again.
        call_id: Key of the message; names one call, for good.
        captured_at_ns: Wall clock (Unix, ns) at capture.
    """

    event_id: Identifier
    call_id: CallId
    captured_at_ns: Nanoseconds


class CallStarted(AudioMessage, frozen=True, kw_only=True, tag="call_started.v1"):
    """A call begins; its audio follows in the same partition.

    Attributes:
        parties: One entry for each audio channel, in the order of the chunks' payloads.
        encoding: Of the first chunks; each chunk says its own.
        sample_rate_hz: Samples a second of every channel.
    """

    parties: Parties
    encoding: Encoding
    sample_rate_hz: SampleRate
    context: CallContext = CallContext()


class AudioChunk(AudioMessage, frozen=True, kw_only=True, tag="audio_chunk.v1"):
    """20 to 200 ms of every channel of a call; one that ends a stretch of audio may be shorter.

    Attributes:
        seq: Counts the call's chunks from 0 without holes; holes are losses.
        start_ms: Audio clock of the first sample, from 0.
        sample_rate_hz: That of the call.
        payloads: One payload for each channel, all of one duration; empty where that channel
            has no audio for the interval (it counts as silence), or comes in another message.
    """

    seq: Count
    start_ms: Milliseconds
    encoding: Encoding
    sample_rate_hz: SampleRate
    payloads: Annotated[tuple[Payload, ...], Meta(max_length=MAX_CHANNELS)]


class CallHeld(AudioMessage, frozen=True, kw_only=True, tag="call_held.v1"):
    """The agent put the caller on hold at ``at_ms`` of the audio clock."""

    at_ms: Milliseconds


class CallResumed(AudioMessage, frozen=True, kw_only=True, tag="call_resumed.v1"):
    """The hold ended at ``at_ms`` of the audio clock."""

    at_ms: Milliseconds


class DtmfPressed(AudioMessage, frozen=True, kw_only=True, tag="dtmf_pressed.v1"):
    """A key was pressed at ``at_ms`` on ``channel``.

    Attributes:
        channel: On which it was pressed; -1 where the gateway does not know.
    """

    at_ms: Milliseconds
    channel: KeyChannel
    digit: Digit


class CallStalled(AudioMessage, frozen=True, kw_only=True, tag="call_stalled.v1"):
    """No audio came for a while; open segments and turns close.

    Attributes:
        after_seq: The last chunk seen. The marker counts only if no later chunk stands before
            it on the topic.
    """

    after_seq: Count


class CallEnded(AudioMessage, frozen=True, kw_only=True, tag="call_ended.v1"):
    """The call is over; audio after it is refused.

    Attributes:
        reason: ``stale`` is the system's own: no audio came for long.
        after_seq: For reason ``stale``, the last chunk seen (see CallStalled); else -1.
    """

    reason: EndReason = "completed"
    after_seq: Count = -1


AudioTopicMessage = (
    CallStarted | AudioChunk | CallHeld | CallResumed | DtmfPressed | CallStalled | CallEnded
)

"""The messages of a recorded call in their order, each with the time at which it is due."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from schemas.audio import (
    AudioChunk,
    AudioMessage,
    CallEnded,
    CallHeld,
    CallResumed,
    CallStarted,
    DtmfPressed,
    EndReason,
)
from schemas.base import CallContext, Party
from schemas.errors import AudioFormatError
from stream_app.calls.identifiers import event_id
from stream_app.replay.chunker import Interval, intervals
from stream_app.replay.formats.sources import AudioFormat, AudioSource
from stream_app.replay.sidecar import TimedEvent

_DEFAULT_PARTIES: dict[int, tuple[Party, ...]] = {1: ("unknown",), 2: ("agent", "customer")}
_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class CallHeader:
    """A call's identity and context."""

    call_id: str
    parties: tuple[Party, ...]
    context: CallContext
    events: tuple[TimedEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A message without its wall clock, and the audio clock (ns) at which it is due."""

    due_ns: int
    message: AudioMessage


def parties_of(channels: int, named: tuple[Party, ...]) -> tuple[Party, ...]:
    """Return a party for each channel: as named, else agent and customer, else unknown.

    Raises:
        AudioFormatError: The names do not fit the number of channels.
    """
    if not named:
        unknown: Party = "unknown"
        return _DEFAULT_PARTIES.get(channels, (unknown,) * channels)
    if len(named) != channels:
        message = f"has {_count(channels, 'channel')}, but {_count(len(named), 'party')} named"
        raise AudioFormatError(message)
    return named


def call_script(source: AudioSource, header: CallHeader, chunk_ms: int) -> Iterator[Step]:
    """Yield CallStarted, the chunks with the events among them, and CallEnded.

    A chunk is due when its last sample has been captured; an event when it happens. Events after
    the end of the audio are left out. Where the audio is damaged, the call ends there as failed.

    Raises:
        AudioFormatError: After that CallEnded; or before CallStarted, if there is no audio.
    """
    audio = intervals(source, chunk_ms)
    first = next(audio, None)
    if first is None:
        raise AudioFormatError("holds no audio")
    yield Step(0, _call_started(source.format, header))
    events = list(header.events)
    end_ns = 0
    try:
        for interval in chain((first,), audio):
            while events and events[0].at_ms * _NS_PER_MS < interval.end_ns:
                event = events.pop(0)
                yield Step(event.at_ms * _NS_PER_MS, _event_message(header.call_id, event))
            yield Step(interval.end_ns, _audio_chunk(header.call_id, source.format, interval))
            end_ns = interval.end_ns
    except AudioFormatError:
        yield Step(end_ns, call_ended(header.call_id, "failed"))
        raise
    yield Step(end_ns, call_ended(header.call_id, "completed"))


def call_ended(call_id: str, reason: EndReason) -> CallEnded:
    """Return the end of a call."""
    return CallEnded(
        event_id=event_id(call_id, "call_ended"),
        call_id=call_id,
        captured_at_ns=0,
        reason=reason,
    )


def _call_started(audio_format: AudioFormat, header: CallHeader) -> CallStarted:
    return CallStarted(
        event_id=event_id(header.call_id, "call_started"),
        call_id=header.call_id,
        captured_at_ns=0,
        parties=header.parties,
        encoding=audio_format.encoding,
        sample_rate_hz=audio_format.sample_rate_hz,
        context=header.context,
    )


def _audio_chunk(call_id: str, audio_format: AudioFormat, interval: Interval) -> AudioChunk:
    return AudioChunk(
        event_id=event_id(call_id, "audio_chunk", interval.seq),
        call_id=call_id,
        captured_at_ns=0,
        seq=interval.seq,
        start_ms=interval.start_ms,
        encoding=audio_format.encoding,
        sample_rate_hz=audio_format.sample_rate_hz,
        payloads=interval.payloads,
    )


def _event_message(call_id: str, event: TimedEvent) -> AudioMessage:
    if event.kind == "dtmf":
        return DtmfPressed(
            event_id=event_id(call_id, "dtmf_pressed", event.channel, event.at_ms),
            call_id=call_id,
            captured_at_ns=0,
            at_ms=event.at_ms,
            channel=event.channel,
            digit=event.digit,
        )
    message_type, kind = (
        (CallHeld, "call_held") if event.kind == "held" else (CallResumed, "call_resumed")
    )
    return message_type(
        event_id=event_id(call_id, kind, event.at_ms),
        call_id=call_id,
        captured_at_ns=0,
        at_ms=event.at_ms,
    )


def _count(number: int, noun: str) -> str:
    plural = {"channel": "channels", "party": "parties are"}[noun]
    singular = {"channel": "channel", "party": "party is"}[noun]
    return f"{number} {singular if number == 1 else plural}"

"""Transcripts of a call that is given as speech on the audio clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from schemas.base import CallContext, Party
from schemas.transcripts import (
    CallSummary,
    CallTranscribed,
    RevisedSegment,
    SpeechActivity,
    TranscriptFinal,
    TranscriptPartial,
    TranscriptTopicMessage,
    Word,
)
from stream_app.calls.identifiers import event_id, segment_id

CALL_ID = "call-1"
AGENT = 0
CUSTOMER = 1
PARTIES: tuple[Party, ...] = ("agent", "customer")

ONSET_MS = 96
HANGOVER_MS = 128
TICK_MS = 100
TAIL_MS = 3_500
CAPTURE_BASE_NS = 1_700_000_000_000_000_000


@dataclass(frozen=True)
class Said:
    """Speech of a channel; no text is noise, ``final=False`` a final that never comes.

    Attributes:
        limit_ms: Where the segment is cut in mid-speech, -1 for nowhere; its text is split.
    """

    channel: int
    start_ms: int
    end_ms: int
    text: str = ""
    final: bool = True
    limit_ms: int = -1


def captured_at_ns(at_ms: int) -> int:
    """Return the wall clock at which the audio at ``at_ms`` was captured."""
    return CAPTURE_BASE_NS + at_ms * 1_000_000


def activity(
    channel: int, kind: str, at_ms: int, since_ms: int, *, is_speech: bool
) -> SpeechActivity:
    """Return speech activity without its number in the lane."""
    return msgspec.convert(
        {
            "schema": "speech_activity.v1",
            "event_id": "",
            "call_id": CALL_ID,
            "captured_at_ns": captured_at_ns(at_ms),
            "channel": channel,
            "party": PARTIES[channel],
            "lane_seq": -1,
            "kind": kind,
            "is_speech": is_speech,
            "at_ms": at_ms,
            "silence_ms": 0 if is_speech else at_ms - since_ms,
            "since_ms": since_ms,
        },
        SpeechActivity,
    )


def final(
    channel: int, start_ms: int, end_ms: int, at_ms: int, text: str, *, cut: str = "pause"
) -> TranscriptFinal:
    """Return a final without its number in the lane."""
    tokens = text.split()
    step = max(1, (end_ms - start_ms) // max(1, len(tokens)))
    return TranscriptFinal(
        event_id=event_id(CALL_ID, "final", channel, start_ms),
        call_id=CALL_ID,
        captured_at_ns=captured_at_ns(end_ms),
        channel=channel,
        party=PARTIES[channel],
        lane_seq=-1,
        segment_id=segment_id(CALL_ID, channel, start_ms),
        revision=end_ms - start_ms,
        start_ms=start_ms,
        end_ms=end_ms,
        at_ms=at_ms,
        cut=msgspec.convert(cut, type=TranscriptFinal.__annotations__["cut"]),
        text=text,
        words=tuple(
            Word(
                text=token,
                start_ms=start_ms + index * step,
                end_ms=start_ms + (index + 1) * step,
                confidence=0.9,
            )
            for index, token in enumerate(tokens)
        ),
        confidence=0.9 if tokens else 0.0,
        language="en",
        model="test",
    )


def partial(channel: int, start_ms: int, end_ms: int, text: str) -> TranscriptPartial:
    """Return a partial."""
    return TranscriptPartial(
        event_id=event_id(CALL_ID, "partial", channel, start_ms, end_ms - start_ms),
        call_id=CALL_ID,
        captured_at_ns=captured_at_ns(end_ms),
        channel=channel,
        party=PARTIES[channel],
        segment_id=segment_id(CALL_ID, channel, start_ms),
        revision=end_ms - start_ms,
        start_ms=start_ms,
        end_ms=end_ms,
        text=text,
        words=(),
        stable_words=0,
        stability=0.5,
        language="en",
    )


def transcribed(at_ms: int, **changes: object) -> CallTranscribed:
    """Return the end of a call's transcripts."""
    summary = CallSummary(
        parties=PARTIES,
        duration_ms=at_ms,
        end_reason="completed",
        context=CallContext(),
        lane_seqs=(),
    )
    return CallTranscribed(
        event_id=event_id(CALL_ID, "transcribed"),
        call_id=CALL_ID,
        captured_at_ns=captured_at_ns(at_ms),
        at_ms=at_ms,
        summary=msgspec.structs.replace(summary, **changes),
    )


def lane(
    said: Iterable[Said],
    *,
    pause_ms: int = 400,
    end_ms: int | None = None,
    extra: Iterable[SpeechActivity | TranscriptFinal | TranscriptPartial] = (),
) -> list[TranscriptTopicMessage]:
    """Return a call's transcripts in the order of transcribe, up to CallTranscribed.

    Args:
        said: In the order of time within each channel.
        pause_ms: Silence that ends a segment.
        end_ms: Length of the call; some time after the last speech by default.
        extra: Messages that are sorted in by their time.
    """
    speech = list(said)
    close_ms = end_ms or max((s.end_ms for s in speech), default=0) + 5_000
    placed: list[tuple[int, int, int, SpeechActivity | TranscriptFinal | TranscriptPartial]] = []
    for channel in range(len(PARTIES)):
        own = [s for s in speech if s.channel == channel]
        added = [m for m in extra if m.channel == channel]
        events = [*_channel_events(own, pause_ms, close_ms), *added]
        events.sort(key=_time_ms)
        placed.extend((_time_ms(m), channel, index, m) for index, m in enumerate(events))
    ordered = [message for *_, message in sorted(placed, key=lambda entry: entry[:3])]
    return [*number(m for m in ordered if _time_ms(m) <= close_ms), transcribed(close_ms)]


def revising(
    topic: Iterable[TranscriptTopicMessage], channel: int, texts: Mapping[int, Mapping[int, str]]
) -> list[TranscriptTopicMessage]:
    """Return the transcripts with finals that revise earlier segments of their channel.

    Args:
        topic: Transcripts of a call.
        channel: Of the finals.
        texts: By the start of the final, the text of each segment by its start.
    """
    return [
        msgspec.structs.replace(
            message,
            revised=tuple(
                revised_segment(channel, start_ms, text)
                for start_ms, text in texts.get(message.start_ms, {}).items()
            ),
        )
        if isinstance(message, TranscriptFinal) and message.channel == channel
        else message
        for message in topic
    ]


def revised_segment(channel: int, start_ms: int, text: str) -> RevisedSegment:
    """Return what a segment says after all."""
    words = tuple(
        Word(text=word, start_ms=start_ms, end_ms=start_ms, confidence=0.9) for word in text.split()
    )
    segment = segment_id(CALL_ID, channel, start_ms)
    return RevisedSegment(segment_id=segment, start_ms=start_ms, text=text, words=words)


def number(
    messages: Iterable[SpeechActivity | TranscriptFinal | TranscriptPartial],
) -> list[TranscriptTopicMessage]:
    """Return the messages with their numbers in the lanes of their channels."""
    next_seqs: dict[int, int] = {}
    numbered: list[TranscriptTopicMessage] = []
    for message in messages:
        if isinstance(message, TranscriptPartial):
            numbered.append(message)
            continue
        seq = next_seqs.get(message.channel, 0)
        next_seqs[message.channel] = seq + 1
        changes: dict[str, object] = {"lane_seq": seq}
        if isinstance(message, SpeechActivity):
            changes["event_id"] = event_id(CALL_ID, "activity", message.channel, seq)
        numbered.append(msgspec.structs.replace(message, **changes))
    return numbered


def _time_ms(message: SpeechActivity | TranscriptFinal | TranscriptPartial) -> int:
    return message.end_ms if isinstance(message, TranscriptPartial) else message.at_ms


def _channel_events(
    said: Sequence[Said], pause_ms: int, close_ms: int
) -> list[SpeechActivity | TranscriptFinal | TranscriptPartial]:
    events: list[SpeechActivity | TranscriptFinal | TranscriptPartial] = []
    for index, speech in enumerate(said):
        channel, start_ms, end_ms = speech.channel, speech.start_ms, speech.end_ms
        next_ms = said[index + 1].start_ms if index + 1 < len(said) else close_ms + TAIL_MS
        edges = (start_ms + ONSET_MS, end_ms + HANGOVER_MS, next_ms + ONSET_MS)
        events.append(activity(channel, "start", edges[0], start_ms, is_speech=True))
        events.extend(
            activity(channel, "tick", at_ms, start_ms, is_speech=True)
            for at_ms in _ticks(edges[0], edges[1])
        )
        events.append(activity(channel, "end", edges[1], end_ms, is_speech=False))
        events.extend(
            activity(channel, "tick", at_ms, end_ms, is_speech=False)
            for at_ms in _ticks(edges[1], min(edges[2], end_ms + TAIL_MS))
        )
    for speech in _segments(said, pause_ms):
        if speech.final:
            events.extend(_finals(speech, pause_ms))
    return events


def _segments(said: Sequence[Said], pause_ms: int) -> list[Said]:
    segments: list[Said] = []
    for speech in said:
        last = segments[-1] if segments else None
        if last is not None and speech.start_ms - last.end_ms < pause_ms:
            text = f"{last.text} {speech.text}".strip()
            segments[-1] = replace(last, end_ms=speech.end_ms, text=text)
        else:
            segments.append(speech)
    return segments


def _finals(speech: Said, pause_ms: int) -> list[TranscriptFinal]:
    channel, start_ms, end_ms = speech.channel, speech.start_ms, speech.end_ms
    at_ms = end_ms + pause_ms
    if not start_ms < speech.limit_ms < end_ms:
        return [final(channel, start_ms, end_ms, at_ms, speech.text)]
    tokens = speech.text.split()
    half = len(tokens) // 2
    cut_ms = speech.limit_ms
    return [
        final(channel, start_ms, cut_ms, cut_ms + 200, " ".join(tokens[:half]), cut="limit"),
        final(channel, cut_ms, end_ms, at_ms, " ".join(tokens[half:])),
    ]


def _ticks(after_ms: int, before_ms: int) -> range:
    first = after_ms - after_ms % TICK_MS + TICK_MS
    return range(first, before_ms, TICK_MS)

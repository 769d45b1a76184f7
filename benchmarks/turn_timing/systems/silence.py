"""Voice activity of a recorded lane, and turns that end on silence alone."""

from collections.abc import Iterable, Sequence

import msgspec

from benchmarks.turn_timing.systems.score import Decision
from schemas.transcripts import SpeechActivity, TranscriptTopicMessage

OPEN_MS = 1 << 40  # speech that has no end yet


class SpeechStretch(msgspec.Struct, frozen=True):
    """Speech of a channel, and when each of its edges was known."""

    start_ms: int
    started_at_ms: int
    end_ms: int
    ended_at_ms: int


def speech_stretches(lane: Iterable[TranscriptTopicMessage], channel: int) -> list[SpeechStretch]:
    """Return when a channel spoke, as every system here hears it."""
    stretches: list[SpeechStretch] = []
    start: SpeechActivity | None = None
    for message in lane:
        if not isinstance(message, SpeechActivity) or message.channel != channel:
            continue
        if message.kind == "start":
            start = message
        elif not message.is_speech and start is not None:
            stretches.append(
                SpeechStretch(start.since_ms, start.at_ms, message.since_ms, message.at_ms)
            )
            start = None
    if start is not None:
        stretches.append(SpeechStretch(start.since_ms, start.at_ms, OPEN_MS, OPEN_MS))
    return stretches


def silence_moment(stretches: Sequence[SpeechStretch], number: int, silence_ms: int) -> int | None:
    """Return when that silence has been heard after a stretch, None if speech begins before."""
    stretch = stretches[number]
    at_ms = max(stretch.end_ms + silence_ms, stretch.ended_at_ms)
    is_last = number == len(stretches) - 1
    if stretch.end_ms == OPEN_MS or (not is_last and stretches[number + 1].started_at_ms <= at_ms):
        return None
    return at_ms


def silence_decisions(
    lane: Sequence[TranscriptTopicMessage], channels: int, *, silence_ms: int
) -> list[Decision]:
    """Return the ends of turns of an endpointer that waits for silence and for nothing else."""
    decisions = []
    for channel in range(channels):
        stretches = speech_stretches(lane, channel)
        for number in range(len(stretches)):
            at_ms = silence_moment(stretches, number, silence_ms)
            if at_ms is not None:
                decisions.append(Decision(channel, at_ms))
    return decisions

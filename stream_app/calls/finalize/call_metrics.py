"""Metrics of a call, from its turns, interruptions and summary.

Speech is the time that the spans of speech of published turns cover: noise and music are silence.
Silence is the time in which no party speaks and the caller is not on hold; its share is that of
the call without hold. Lost audio (`gap_ms`) counts as silence, since its position is not known.
A turn that is a backchannel counts among ``backchannels``, not among ``turns``, and neither
answers nor is answered; its speech and words count.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from schemas.base import Party
from schemas.transcripts import CallSummary, ChannelHealth
from schemas.turns import CallMetrics, ChannelMetrics, Interruption, TurnEnded

NO_RESPONSE_MS = -1
MS_PER_MINUTE = 60_000

Span = tuple[int, int]  # start and end on the audio clock, ms


def call_metrics(
    turns: Sequence[TurnEnded], interruptions: Sequence[Interruption], summary: CallSummary
) -> CallMetrics:
    """Return the metrics of a whole call.

    Args:
        turns: All of them, in the order of their start.
        interruptions: All of them.
        summary: Of the call, from transcribe.
    """
    channels = _channels(turns, interruptions, summary)
    speech = [channel.speech for channel in channels]
    holds = _holds(summary)
    busy_ms = total_ms(union([*(span for spans in speech for span in spans), *holds]))
    silence_ms = max(0, summary.duration_ms - busy_ms)
    hold_ms = total_ms(holds)
    talk_ms = sum(channel.talk_ms for channel in channels)
    return CallMetrics(
        duration_ms=summary.duration_ms,
        silence_ms=silence_ms,
        silence_share=_share(silence_ms, summary.duration_ms - hold_ms),
        overlap_ms=overlap_ms(speech),
        interruptions=len(interruptions),
        hold_ms=hold_ms,
        holds=len(summary.holds),
        turns=sum(not turn.is_backchannel for turn in turns),
        words=sum(turn.words for turn in turns),
        gap_ms=summary.gap_ms,
        channels=tuple(channel.metrics(talk_ms) for channel in channels),
        clock_ahead_ms=summary.clock_ahead_ms or 0,
    )


def response_delays(turns: Sequence[TurnEnded], holds: Sequence[Span]) -> dict[int, list[int]]:
    """Return for each channel the times (ms) from another party's turn to one of its own.

    A turn answers the one that ended last before it, if that is another party's. One that
    begins while another turn goes on overlaps it and answers nothing. Time on hold does not
    count.

    Args:
        turns: In the order of their start.
        holds: Disjoint, in order.
    """
    delays: dict[int, list[int]] = {}
    before: TurnEnded | None = None
    for turn in turns:
        if turn.is_backchannel:
            continue
        if before is not None and before.channel != turn.channel:
            delay_ms = turn.start_ms - before.end_ms
            if delay_ms >= 0:
                held_ms = total_ms(intersection([(before.end_ms, turn.start_ms)], holds))
                delays.setdefault(turn.channel, []).append(delay_ms - held_ms)
        if before is None or turn.end_ms > before.end_ms:
            before = turn
    return delays


def overlap_ms(speech: Sequence[Sequence[Span]]) -> int:
    """Return the time in which at least two channels speak.

    Args:
        speech: For each channel its disjoint spans, in order.
    """
    shared: list[Span] = []
    heard: list[Span] = []
    for spans in speech:
        shared.extend(intersection(heard, spans))
        heard = union([*heard, *spans])
    return total_ms(union(shared))


def union(spans: Iterable[Span]) -> list[Span]:
    """Return the disjoint spans, in order, that cover the same time."""
    merged: list[Span] = []
    for start_ms, end_ms in sorted(spans):
        if merged and start_ms <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end_ms))
        elif end_ms > start_ms:
            merged.append((start_ms, end_ms))
    return merged


def intersection(first: Sequence[Span], second: Sequence[Span]) -> list[Span]:
    """Return the spans that both cover; each is disjoint and in order."""
    shared: list[Span] = []
    i = j = 0
    while i < len(first) and j < len(second):
        start_ms = max(first[i][0], second[j][0])
        end_ms = min(first[i][1], second[j][1])
        if start_ms < end_ms:
            shared.append((start_ms, end_ms))
        if first[i][1] < second[j][1]:
            i += 1
        else:
            j += 1
    return shared


def total_ms(spans: Iterable[Span]) -> int:
    """Return the length of disjoint spans."""
    return sum(end_ms - start_ms for start_ms, end_ms in spans)


@dataclass(frozen=True, slots=True)
class _Channel:
    """What happened on one channel of a call.

    Attributes:
        interruptions: Made by its party.
        delays_ms: Response delays of its turns.
        health: Of its audio.
        crosstalk_ms: What it had of another channel.
    """

    number: int
    party: Party
    turns: Sequence[TurnEnded]
    speech: Sequence[Span]
    interruptions: int
    delays_ms: Sequence[int]
    health: ChannelHealth | None
    crosstalk_ms: int

    @property
    def talk_ms(self) -> int:
        return total_ms(self.speech)

    def metrics(self, talk_of_all_ms: int) -> ChannelMetrics:
        """Return the metrics of the channel, given the talk of all channels (ms)."""
        words = sum(turn.words for turn in self.turns)
        minutes = self.talk_ms / MS_PER_MINUTE
        backchannels = sum(turn.is_backchannel for turn in self.turns)
        return ChannelMetrics(
            channel=self.number,
            party=self.party,
            talk_ms=self.talk_ms,
            talk_share=_share(self.talk_ms, talk_of_all_ms),
            turns=len(self.turns) - backchannels,
            backchannels=backchannels,
            words=words,
            words_per_minute=round(words / minutes, 1) if minutes else 0.0,
            interruptions=self.interruptions,
            response_delay_ms=int(median(self.delays_ms)) if self.delays_ms else NO_RESPONSE_MS,
            health=self.health,
            crosstalk_ms=self.crosstalk_ms,
        )


def _channels(
    turns: Sequence[TurnEnded], interruptions: Sequence[Interruption], summary: CallSummary
) -> list[_Channel]:
    delays = response_delays(turns, _holds(summary))
    parties, health = summary.parties, summary.health or ()
    return [
        _Channel(
            number=number,
            party=parties[number] if number < len(parties) else "unknown",
            turns=[turn for turn in turns if turn.channel == number],
            speech=union(_speech(turns, number)),
            interruptions=sum(each.channel == number for each in interruptions),
            delays_ms=delays.get(number, []),
            health=health[number] if number < len(health) else None,
            crosstalk_ms=dict(enumerate(summary.crosstalk_ms or ())).get(number, 0),
        )
        for number in range(_channel_count(turns, summary))
    ]


def _holds(summary: CallSummary) -> list[Span]:
    holds = union((hold.start_ms, hold.end_ms) for hold in summary.holds)
    return intersection(holds, [(0, summary.duration_ms)])


def _speech(turns: Iterable[TurnEnded], channel: int) -> list[Span]:
    return [
        (span.start_ms, span.end_ms)
        for turn in turns
        if turn.channel == channel
        for span in turn.speech
    ]


def _channel_count(turns: Iterable[TurnEnded], summary: CallSummary) -> int:
    return max([len(summary.parties), *(turn.channel + 1 for turn in turns)])


def _share(part: float, whole: float) -> float:
    return round(part / whole, 4) if whole > 0 else 0.0

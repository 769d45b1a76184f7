from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import CallContext, Party
from schemas.transcripts import CallSummary, ChannelHealth, Hold
from schemas.turns import CallMetrics, Interruption, SpeechSpan, TurnEnded
from stream_app.calls.finalize.call_metrics import (
    Span,
    call_metrics,
    intersection,
    overlap_ms,
    total_ms,
    union,
)

AGENT = 0
CUSTOMER = 1
PARTIES: tuple[Party, ...] = ("agent", "customer")


def turn(channel: int, *speech: Span, words: int = 10, is_backchannel: bool = False) -> TurnEnded:
    """Return a turn with intervals of speech."""
    start_ms, end_ms = speech[0][0], speech[-1][1]
    return TurnEnded(
        event_id=f"{channel}/{start_ms}",
        call_id="call-1",
        captured_at_ns=0,
        turn_id=f"turn/{channel}/{start_ms}",
        channel=channel,
        party=PARTIES[channel],
        start_ms=start_ms,
        end_ms=end_ms,
        at_ms=end_ms + 700,
        text="word " * words,
        segment_ids=(),
        words=words,
        speech=tuple(SpeechSpan(start_ms=start, end_ms=end) for start, end in speech),
        reason="silence",
        is_backchannel=is_backchannel,
    )


def interruption(channel: int) -> Interruption:
    return Interruption(
        event_id=f"interruption/{channel}",
        call_id="call-1",
        captured_at_ns=0,
        channel=channel,
        party=PARTIES[channel],
        interrupted_channel=1 - channel,
        interrupted_turn_id="",
        at_ms=0,
        decided_at_ms=0,
        overlap_ms=500,
        is_yielded=False,
    )


def measure(
    *turns: TurnEnded,
    duration_ms: int = 60_000,
    holds: Sequence[Span] = (),
    interruptions: Sequence[Interruption] = (),
    gap_ms: int = 0,
    health: tuple[ChannelHealth, ...] = (),
    clock_ahead_ms: int = 0,
) -> CallMetrics:
    summary = CallSummary(
        parties=PARTIES,
        duration_ms=duration_ms,
        end_reason="completed",
        context=CallContext(),
        holds=tuple(Hold(start_ms=start, end_ms=end) for start, end in holds),
        gap_ms=gap_ms,
        health=health,
        clock_ahead_ms=clock_ahead_ms,
    )
    return call_metrics(turns, interruptions, summary)


def test_the_health_of_each_channel_and_the_clock_are_those_of_the_summary() -> None:
    health = ChannelHealth(
        level_dbfs=-20.5,
        noise_dbfs=-60.5,
        peak=0.5,
        clipped_share=0.0,
        dc_offset=0.0,
        silent_share=0.0,
        faults=("noise",),
    )

    metrics = measure(health=(health,), clock_ahead_ms=700)

    assert [channel.health for channel in metrics.channels] == [health, None]
    assert metrics.clock_ahead_ms == 700


def test_talk_is_speech_without_the_pauses_between() -> None:
    metrics = measure(turn(AGENT, (0, 10_000), (12_000, 20_000)), turn(CUSTOMER, (30_000, 36_000)))

    agent, customer = metrics.channels
    assert (agent.talk_ms, customer.talk_ms) == (18_000, 6_000)
    assert (agent.talk_share, customer.talk_share) == (0.75, 0.25)


def test_silence_is_when_no_party_speaks() -> None:
    metrics = measure(turn(AGENT, (0, 10_000)), turn(CUSTOMER, (5_000, 20_000)))

    assert metrics.silence_ms == 40_000
    assert metrics.silence_share == pytest.approx(0.6667)


def test_hold_is_no_silence() -> None:
    metrics = measure(turn(AGENT, (0, 10_000)), holds=[(20_000, 50_000)])

    assert (metrics.hold_ms, metrics.holds) == (30_000, 1)
    assert metrics.silence_ms == 20_000
    assert metrics.silence_share == pytest.approx(0.6667)  # of the 30 s off hold


def test_speech_on_hold_counts_as_talk_and_takes_nothing_from_the_silence() -> None:
    metrics = measure(turn(AGENT, (20_000, 30_000)), holds=[(10_000, 40_000)])

    assert metrics.channels[AGENT].talk_ms == 10_000
    assert metrics.silence_ms == 30_000


def test_overlap_is_when_both_speak() -> None:
    metrics = measure(turn(AGENT, (0, 10_000), (11_000, 15_000)), turn(CUSTOMER, (8_000, 12_000)))

    assert metrics.overlap_ms == 3_000


def test_interruptions_are_counted_by_who_broke_in() -> None:
    metrics = measure(interruptions=[interruption(CUSTOMER), interruption(CUSTOMER)])

    assert metrics.interruptions == 2
    assert [channel.interruptions for channel in metrics.channels] == [0, 2]


def test_the_response_delay_is_the_median_time_to_answer() -> None:
    metrics = measure(
        turn(AGENT, (0, 1_000)),
        turn(CUSTOMER, (1_200, 2_000)),
        turn(AGENT, (2_900, 4_000)),
        turn(CUSTOMER, (4_600, 5_000)),
        turn(AGENT, (6_000, 7_000)),
        turn(CUSTOMER, (12_000, 13_000)),
    )

    agent, customer = metrics.channels
    assert customer.response_delay_ms == 600
    assert agent.response_delay_ms == 950


def test_a_party_that_never_answers_has_no_response_delay() -> None:
    metrics = measure(turn(AGENT, (0, 1_000)), turn(AGENT, (2_000, 3_000)))

    assert [channel.response_delay_ms for channel in metrics.channels] == [-1, -1]


def test_an_overlapping_turn_is_no_response() -> None:
    """Nor is what follows it, while the first party still speaks."""
    metrics = measure(
        turn(AGENT, (0, 10_000)),
        turn(CUSTOMER, (4_000, 6_000)),
        turn(CUSTOMER, (10_400, 12_000)),
    )

    assert metrics.channels[CUSTOMER].response_delay_ms == 400


def test_a_backchannel_neither_answers_nor_is_answered() -> None:
    metrics = measure(
        turn(AGENT, (0, 10_000)),
        turn(CUSTOMER, (4_000, 4_400), words=1, is_backchannel=True),
        turn(CUSTOMER, (10_500, 12_000)),
        turn(AGENT, (13_000, 14_000)),
    )

    agent, customer = metrics.channels
    assert (agent.response_delay_ms, customer.response_delay_ms) == (1_000, 500)
    assert (customer.turns, customer.backchannels, metrics.turns) == (1, 1, 3)
    assert customer.words == 11


def test_a_hold_before_an_answer_does_not_count() -> None:
    metrics = measure(
        turn(CUSTOMER, (0, 1_000)), turn(AGENT, (32_000, 33_000)), holds=[(1_500, 31_500)]
    )

    assert metrics.channels[AGENT].response_delay_ms == 1_000


def test_words_per_minute_are_those_of_the_own_speech() -> None:
    metrics = measure(turn(AGENT, (0, 20_000), words=50), turn(CUSTOMER, (30_000, 31_000), words=1))

    assert [channel.words_per_minute for channel in metrics.channels] == [150.0, 60.0]
    assert metrics.words == 51


def test_a_call_without_speech_has_metrics() -> None:
    metrics = measure(duration_ms=0, gap_ms=700)

    assert (metrics.silence_ms, metrics.silence_share, metrics.gap_ms) == (0, 0.0, 700)
    assert [channel.talk_share for channel in metrics.channels] == [0.0, 0.0]
    assert [channel.words_per_minute for channel in metrics.channels] == [0.0, 0.0]


def test_a_channel_that_the_summary_does_not_know_is_measured_too() -> None:
    summary = CallSummary(
        parties=("agent",), duration_ms=10_000, end_reason="completed", context=CallContext()
    )

    metrics = call_metrics([turn(CUSTOMER, (0, 1_000))], [], summary)

    assert [channel.party for channel in metrics.channels] == ["agent", "unknown"]


SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted).map(tuple))


def _instants(spans: Sequence[Span]) -> set[int]:
    return {instant for start, end in spans for instant in range(start, end)}


@given(first=SPANS, second=SPANS)
def test_spans_are_sets_of_time(first: list[Span], second: list[Span]) -> None:
    one, two = union(first), union(second)

    assert _instants(one) == _instants(first)
    assert total_ms(one) == len(_instants(first))
    assert _instants(intersection(one, two)) == _instants(one) & _instants(two)
    assert overlap_ms([one, two]) == len(_instants(one) & _instants(two))


@given(first=SPANS, second=SPANS, third=SPANS)
def test_overlap_counts_each_instant_once(
    first: list[Span], second: list[Span], third: list[Span]
) -> None:
    """Also where three speak at once."""
    sets = [_instants(spans) for spans in (first, second, third)]
    crowded = {i for i in range(60) if sum(i in instants for instants in sets) > 1}

    assert overlap_ms([union(spans) for spans in (first, second, third)]) == len(crowded)

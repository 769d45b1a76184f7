"""Latencies are those of a stopwatch that knows when each sound was made."""

import math

from stream_app.live.latencies import LatencyMeter
from stream_app.live.percentile import percentile
from tests.support.calls.call_messages import (
    CALL,
    activity,
    at_ns,
    final,
    partial,
    predicted_end,
    started,
    turn_ended,
)


def meter(speed: float | None = 1.0) -> LatencyMeter:
    meter = LatencyMeter(CALL, speed)
    meter.feed(started(), at_ns(3))
    return meter


def test_a_first_partial_counts_from_the_start_of_speech() -> None:
    """A segment begins before its speech; later partials of it do not count."""
    measured = meter()
    measured.feed(activity(0, 1000, is_speech=True), at_ns(1150))

    measured.feed(partial(0, 800, "thank you"), at_ns(1700))
    measured.feed(partial(0, 800, "thank you for"), at_ns(2000))

    assert measured.first_partial.sound_ms == [700]
    assert measured.first_partial.lag_ms == [300]  # its audio ended at 1400


def test_an_empty_partial_is_not_the_first() -> None:
    measured = meter()

    measured.feed(partial(0, 800, ""), at_ns(1000))
    measured.feed(partial(0, 800, "thank"), at_ns(1500))

    assert measured.first_partial.sound_ms == [700]


def test_a_final_counts_from_the_end_of_speech() -> None:
    measured = meter()

    measured.feed(final(0, 1000, "thank you"), at_ns(2150))
    measured.feed(final(0, 3000, "", words=()), at_ns(9999))

    assert measured.final.sound_ms == [550]
    assert measured.final.lag_ms == [150]
    assert measured.final.captured_ms == [150]


def test_turns_cut_by_something_else_than_silence_are_not_measured() -> None:
    measured = meter()

    measured.feed(turn_ended(0, 1000, 2000), at_ns(2750))
    measured.feed(turn_ended(0, 3000, 4000, reason="call_ended"), at_ns(9000))

    assert measured.end_of_turn.sound_ms == [750]
    assert measured.end_of_turn.lag_ms == [50]


def test_a_predicted_end_counts_from_the_last_sound() -> None:
    measured = meter()

    measured.feed(predicted_end(2100), at_ns(2300))
    measured.feed(turn_ended(0, 1000, 2000), at_ns(2750))

    assert measured.predicted_end.sound_ms == [300]
    assert measured.predicted_end.lag_ms == [200]
    assert measured.withdrawn_ends == 0


def test_a_predicted_end_that_was_withdrawn_is_counted_as_such() -> None:
    measured = meter()

    measured.feed(predicted_end(1500), at_ns(1600))
    measured.feed(predicted_end(1900, is_withdrawn=True), at_ns(1950))
    measured.feed(turn_ended(0, 1000, 2000), at_ns(2750))

    assert measured.predicted_end.sound_ms == []
    assert measured.withdrawn_ends == 1


def test_at_eight_times_the_speed_sounds_come_eight_times_as_fast() -> None:
    measured = meter(8.0)

    measured.feed(turn_ended(0, 1000, 8000), at_ns(1100))

    assert measured.end_of_turn.sound_ms == [100]


def test_at_full_speed_the_time_of_a_sound_is_not_known() -> None:
    measured = meter(None)

    measured.feed(turn_ended(0, 1000, 2000), at_ns(2750))

    assert measured.end_of_turn.sound_ms == []
    assert measured.end_of_turn.captured_ms == [50]


def test_other_calls_are_not_measured() -> None:
    measured = meter()

    measured.feed(final(0, 0, "hello", call_id="other"), at_ns(9))

    assert measured.final.captured_ms == []


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(value) for value in range(1, 101)]

    assert percentile(values, 50) == 50
    assert percentile(values, 95) == 95
    assert percentile([7.0], 95) == 7
    assert math.isnan(percentile([], 50))

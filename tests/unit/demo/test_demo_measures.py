"""Latencies and word errors are what a stopwatch and a careful listener would say."""

import math
from pathlib import Path

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import ConfigurationError
from stream_app.demo.latencies import LatencyMeter, percentile
from stream_app.demo.report import Report, compare, report_screen, report_values
from stream_app.demo.session import DEMO_CALL
from stream_app.demo.word_errors import (
    Reference,
    ReferenceUtterance,
    WordErrors,
    normalised_words,
    read_reference,
    word_errors,
)
from tests.unit.demo.call_messages import (
    CALL,
    activity,
    at_ns,
    final,
    finalized,
    foretold,
    partial,
    started,
    turn_ended,
)
from tests.unit.demo.test_live_view import screen

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=12)


def meter(speed: float | None = 1.0) -> LatencyMeter:
    meter = LatencyMeter(CALL, speed)
    meter.feed(started(), at_ns(3))
    return meter


def test_a_first_partial_counts_from_the_begin_of_speech() -> None:
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


def test_a_foretold_end_counts_from_the_last_sound() -> None:
    measured = meter()

    measured.feed(foretold(2100), at_ns(2300))
    measured.feed(turn_ended(0, 1000, 2000), at_ns(2750))

    assert measured.predicted_end.sound_ms == [300]
    assert measured.predicted_end.lag_ms == [200]
    assert measured.withdrawn_ends == 0


def test_a_foretold_end_that_was_withdrawn_is_counted_as_such() -> None:
    measured = meter()

    measured.feed(foretold(1500), at_ns(1600))
    measured.feed(foretold(1900, is_withdrawn=True), at_ns(1950))
    measured.feed(turn_ended(0, 1000, 2000), at_ns(2750))

    assert measured.predicted_end.sound_ms == []
    assert measured.withdrawn_ends == 1


def test_at_eight_times_the_speed_sounds_come_eight_times_as_fast() -> None:
    measured = meter(8.0)

    measured.feed(turn_ended(0, 1000, 8000), at_ns(1100))

    assert measured.end_of_turn.sound_ms == [100]


def test_at_full_speed_nobody_knows_when_a_sound_was_made() -> None:
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


@given(reference=WORDS.filter(bool), heard=WORDS)
def test_word_errors_are_those_of_the_field(reference: list[str], heard: list[str]) -> None:
    expected = jiwer.wer(" ".join(reference), " ".join(heard))

    assert word_errors(reference, heard).rate == pytest.approx(expected)


def test_words_are_compared_without_case_and_punctuation() -> None:
    assert normalised_words("It\u2019s OK, twenty-one!") == ["it's", "ok", "twenty", "one"]


def test_a_call_is_compared_channel_by_channel_in_order() -> None:
    reference = Reference(
        (
            ReferenceUtterance(0, 5000, "good bye"),
            ReferenceUtterance(0, 0, "hello there"),
            ReferenceUtterance(1, 2000, "hi"),
        )
    )
    call = finalized(((0, 100, "Hello there."), (1, 2000, "high"), (0, 5000, "good")))

    errors = compare(call, reference)

    assert errors == {0: WordErrors(1, 4), 1: WordErrors(1, 1)}


def test_the_bundled_call_has_an_exact_reference() -> None:
    reference = read_reference(DEMO_CALL.with_name("reference.json"))

    assert reference.channels == [0, 1]
    assert min(len(reference.words(channel)) for channel in (0, 1)) > 50


@pytest.mark.parametrize("content", [b"no json", b"{}", b'{"utterances": [{"channel": "a"}]}'])
def test_a_wrong_reference_names_its_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "reference.json"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"reference\.json: not a reference transcript"):
        read_reference(path)


def report() -> Report:
    measured = meter()
    measured.feed(partial(0, 800, "thank you"), at_ns(1700))
    measured.feed(final(0, 1000, "thank you"), at_ns(2150))
    errors = {0: WordErrors(8, 100), 1: WordErrors(0, 60)}
    return Report(finalized(), measured, errors, dead_letters=1)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50)])
def test_the_report_fits_on_the_screen(width: int, height: int) -> None:
    shown = screen(report_screen(report()), width, height)

    rows = shown.splitlines()
    assert max(len(row) for row in rows) <= width
    assert len(rows) <= height - 5  # the last words of the call remain above it
    assert "…" not in shown
    assert "Word error rate 5.0% of 160 words (agent 8.0%, customer 0.0%)" in shown
    assert "1 dead letter" in shown
    assert "1:21.4, 24 turns, 240 words" in shown


def test_the_report_as_json_has_the_same_figures() -> None:
    values = report_values(report())

    assert values["latency_ms"]["final"] == {
        "count": 1,
        "since_sound": {"p50": 550.0, "p95": 550.0},
        "lag": {"p50": 150.0, "p95": 150.0},
        "since_captured": {"p50": 150.0, "p95": 150.0},
    }
    assert values["latency_ms"]["end_of_turn"]["since_sound"] is None
    assert values["word_error_rate"] == 0.05
    assert values["word_error_rate_by_channel"] == {"0": 0.08, "1": 0.0}

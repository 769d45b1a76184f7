"""The report of a call: its figures are those that were measured, and it fits on the screen."""

import pytest

from models.text.word_errors import Reference, ReferenceUtterance, WordErrors
from stream_app.demo.report import Report, compare, report_screen, report_values
from stream_app.live.latencies import LatencyMeter
from tests.support.calls.call_messages import (
    CALL,
    at_ns,
    classified,
    final,
    finalized,
    partial,
    started,
)
from tests.support.calls.drawing import drawn


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


def report() -> Report:
    measured = LatencyMeter(CALL, 1.0)
    measured.feed(started(), at_ns(3))
    measured.feed(partial(0, 800, "thank you"), at_ns(1700))
    measured.feed(final(0, 1000, "thank you"), at_ns(2150))
    errors = {0: WordErrors(8, 100), 1: WordErrors(0, 60)}
    return Report(finalized(), measured, errors, dead_letters=1, classified=classified())


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50)])
def test_the_report_fits_on_the_screen(width: int, height: int) -> None:
    shown = drawn(report_screen(report()), width=width, height=height)

    rows = shown.splitlines()
    assert max(len(row) for row in rows) <= width
    assert len(rows) <= height - 5  # the last words of the call remain above it
    assert "…" not in shown
    assert "Word error rate 5.0% of 160 words (agent 8.0%, customer 0.0%)" in shown
    assert "1 dead letter" in shown
    assert "Labels main_category Cards (97%), priority High (rule card_stolen)" in shown
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
    assert values["labels"] == {"main_category": ["Cards"], "priority": ["High"]}
    assert values["abstained"] == ""
    assert values["word_error_rate_by_channel"] == {"0": 0.08, "1": 0.0}


def test_without_a_reference_the_report_says_that_there_is_no_word_error_rate() -> None:
    measured = Report(finalized(), LatencyMeter(CALL, 1.0), {})

    shown = drawn(report_screen(measured), width=80, height=24)

    assert "no word error rate: the call has no reference transcript" in shown
    assert "Word error rate" not in shown
    assert "word_error_rate" not in report_values(measured)

"""Decisions weighed against the truth."""

import pytest

from benchmarks.core.reference import TrueWord
from benchmarks.turn_timing.calls.truth import TimedCall, TruePause, TrueTurn
from benchmarks.turn_timing.systems.score import (
    CallScore,
    Decision,
    Prediction,
    WeighedPause,
    delay_at_rate,
    figures_of,
    prediction_figures,
    score_call,
)

PAUSE = TruePause(2_000, 3_000, "mid_sentence")
BREATH = TruePause(4_000, 4_600, "between_sentences")


def turn(start_ms: int, end_ms: int, *pauses: TruePause, channel: int = 0) -> TrueTurn:
    words = (TrueWord("so", start_ms, start_ms + 200), TrueWord("on", end_ms - 200, end_ms))
    return TrueTurn(channel, words, pauses)


def call(*turns: TrueTurn, duration_ms: int = 20_000) -> TimedCall:
    return TimedCall("call", ("agent", "customer"), turns, duration_ms)


TALK = call(turn(1_000, 6_000, PAUSE, BREATH), turn(10_000, 12_000))


def scored(*moments: int) -> CallScore:
    return score_call(TALK, [Decision(0, at_ms) for at_ms in moments])


def test_a_decision_in_a_pause_cuts_the_turn_off() -> None:
    score = scored(2_500, 6_400, 12_500)

    assert [pause.is_cut for pause in score.pauses] == [True, False]
    assert score.delays_ms == (400.0, 500.0)
    assert score.elsewhere == 0


def test_a_decision_just_after_the_pause_still_was_about_it() -> None:
    """Speech must last a little before anybody can know of it."""
    assert [pause.is_cut for pause in scored(3_050, 6_400, 12_500).pauses] == [True, False]


def test_a_decision_in_mid_speech_is_counted_apart() -> None:
    score = scored(1_500, 6_400, 12_500)

    assert not any(pause.is_cut for pause in score.pauses)
    assert score.elsewhere == 1


def test_an_end_that_nobody_found_is_missed() -> None:
    score = scored(6_400)

    assert score.delays_ms == (400.0, float("inf"))
    assert figures_of([score]).missed == 0.5


def test_of_two_decisions_after_an_end_the_first_counts() -> None:
    assert scored(6_400, 7_000, 12_500).delays_ms == (400.0, 500.0)


def test_a_decision_of_another_channel_says_nothing() -> None:
    score = score_call(TALK, [Decision(1, 2_500)])

    assert not any(pause.is_cut for pause in score.pauses)
    assert score.delays_ms == (float("inf"), float("inf"))


def test_an_end_that_is_followed_too_soon_is_not_counted() -> None:
    hasty = call(turn(1_000, 6_000), turn(6_900, 12_000))

    assert score_call(hasty, [Decision(0, 12_300)]).delays_ms == (300.0,)


def test_a_pause_between_sentences_is_no_false_cut_off() -> None:
    """It may well end a turn; nobody can tell."""
    figures = figures_of([scored(4_300, 6_400, 12_500)])

    assert figures.false_cut_off_rate == 0.0
    assert figures.by_kind == {"between_sentences": 1.0, "mid_sentence": 0.0}
    assert figures.counts == {"between_sentences": 1, "mid_sentence": 1}


def test_figures_are_of_all_pauses_and_ends() -> None:
    dictated = WeighedPause("dictation", 700, is_cut=True)
    spoken = WeighedPause("mid_sentence", 700, is_cut=False)
    scores = [
        CallScore((dictated, spoken), (400.0, 500.0), 0),
        CallScore((spoken, spoken), (600.0, 900.0), 1),
    ]

    figures = figures_of(scores)

    assert figures.false_cut_off_rate == 0.25
    assert figures.false_cut_off_interval == (0.0, 0.5)
    assert (figures.delay_p50_ms, figures.delay_p95_ms) == (500.0, 900.0)
    assert figures.elsewhere == 0.25


def test_a_system_that_misses_most_ends_has_no_median() -> None:
    inf = float("inf")

    assert figures_of([CallScore((), (400.0, inf, inf), 0)]).delay_p50_ms is None


@pytest.mark.parametrize(
    ("rate", "delay_ms"),
    [(0.6, 300.0), (0.3, 600.0), (0.2, 700.0), (0.1, 800.0), (0.05, None)],
)
def test_the_delay_at_a_rate_lies_on_the_curve(rate: float, delay_ms: float | None) -> None:
    curve = [(0.6, 300.0), (0.4, 500.0), (0.1, 800.0)]

    found = delay_at_rate(curve, rate)

    assert found == (None if delay_ms is None else pytest.approx(delay_ms))


def test_a_prediction_that_stood_is_early_and_one_in_a_pause_is_wrong() -> None:
    predicted = [
        Prediction(0, 2_300, is_withdrawn=True),
        Prediction(0, 5_900, is_withdrawn=False),
        Prediction(0, 12_200, is_withdrawn=False),
    ]

    figures = prediction_figures([TALK], [predicted])

    assert figures.predicted == 1.0
    assert (figures.delay_p50_ms, figures.delay_p95_ms) == (-100.0, 200.0)
    assert figures.paused_rate == 1.0
    assert figures.withdrawn == 0.5

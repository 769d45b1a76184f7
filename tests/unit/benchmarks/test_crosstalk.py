"""Calls of the crosstalk benchmark, and what they show of the search for echoes."""

import numpy as np

from benchmarks.crosstalk import measurement
from benchmarks.crosstalk.calls import (
    RATE_HZ,
    EchoLine,
    Said,
    double_talk,
    echo_lines,
    pairs,
    same_mix,
    turn_by_turn,
    with_echo,
)
from tests.support.calls.echoed_calls import stretch


def parties() -> tuple[list[Said], list[Said]]:
    """Return two parties of the bundled call, three utterances of each."""
    call = stretch(0, 60_000)
    starts = (1_000, 12_000, 24_000)
    legs = [
        [Said(call[8 * at : 8 * at + 4 * RATE_HZ, leg], words=10) for at in starts]
        for leg in (0, 1)
    ]
    return legs[0], legs[1]


def test_double_talk_overlaps_and_is_passed_on_as_it_is() -> None:
    call = double_talk(*parties(), seed=0)

    assert measurement._both_speak_s(call) > 0.5
    assert measurement._is_passed_on(call)


def test_a_call_in_turns_does_not_overlap() -> None:
    assert measurement._both_speak_s(turn_by_turn(*parties(), seed=0)) < 0.1


def test_an_echo_and_the_same_mix_are_not_passed_on_as_they_are() -> None:
    call = turn_by_turn(*parties(), seed=0)

    assert not measurement._is_passed_on(with_echo(call, EchoLine(-15, 120, is_linear=False)))
    assert not measurement._is_passed_on(same_mix(call))


def test_echoes_are_of_the_level_and_delay_that_they_are_called() -> None:
    call = np.zeros((RATE_HZ * 4, 2), np.float32)
    burst = np.random.default_rng(0).standard_normal(RATE_HZ) * 0.1
    call[RATE_HZ : 2 * RATE_HZ, 0] = burst

    echo = with_echo(call, EchoLine(-10, 250, is_linear=True))[:, 1]

    assert np.abs(echo[: int(1.24 * RATE_HZ)]).max() < 1e-3
    assert 0.5 < np.square(echo).sum() / (0.1 * np.square(burst).sum()) < 1.0


def test_every_level_and_delay_comes_up_and_speakers_differ() -> None:
    lines = echo_lines(42)
    one, two = [Said(np.zeros(1, np.float32), 1)], [Said(np.ones(1, np.float32), 1)]

    found = pairs([one, two], 2)
    first, second = next(found)

    assert {line.level_db for line in lines} == {-10, -15, -20, -25, -30, -35, -40}
    assert {line.delay_ms for line in lines} == {20, 60, 120, 180, 250, 400}
    assert first[0] is not second[0]

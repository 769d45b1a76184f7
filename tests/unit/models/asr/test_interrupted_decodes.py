"""A decode that others come between is the same, bit for bit, and so are those."""

from collections.abc import Callable

import pytest

from models.asr.core.requests import GREEDY, DecodeOptions, SpeechRequest
from models.asr.decoding.whisper_engine import WhisperEngine
from tests.support.models.synthetic_audio import babble

UTTERANCES = [babble(1_500 + 300 * seed, seed=seed) for seed in range(6)]
LONG = babble(6_000, seed=7)
OPTIONS = [DecodeOptions(), GREEDY, DecodeOptions(hot_words=("alpha", "beta gamma"))]


class NobodyNeedsItError(Exception):
    """A decode is to end."""


@pytest.mark.parametrize("options", OPTIONS, ids=["beam", "greedy", "hot words"])
def test_what_comes_between_the_steps_changes_nothing(
    cut_engine: WhisperEngine, options: DecodeOptions
) -> None:
    """At every step another search and a batch of others, as many as the inference thread runs."""
    others = [SpeechRequest(samples, options) for samples in UTTERANCES[:2]]
    shared = [SpeechRequest(samples, GREEDY, is_exact=False) for samples in UTTERANCES[2:]]
    expected = cut_engine.transcribe(LONG, options)
    expected_between = cut_engine.transcribe_batch([*others, *shared])
    between = []

    def interrupt() -> None:
        between.append(cut_engine.transcribe_batch([*others, *shared]))

    (found,) = cut_engine.transcribe_batch([SpeechRequest(LONG, options, between_steps=interrupt)])

    assert found == expected
    assert len(between) >= 10
    assert all(each == expected_between for each in between)


@pytest.mark.parametrize("options", OPTIONS, ids=["beam", "greedy", "hot words"])
@pytest.mark.parametrize("step", [1, 4])
def test_what_is_raised_between_two_steps_ends_the_decode_and_harms_no_other(
    cut_engine: WhisperEngine, options: DecodeOptions, step: int
) -> None:
    expected = cut_engine.transcribe(LONG, options)

    with pytest.raises(NobodyNeedsItError):
        cut_engine.transcribe_batch([SpeechRequest(LONG, options, between_steps=ending(step))])

    assert cut_engine.transcribe(LONG, options) == expected


def ending(step: int) -> Callable[[], None]:
    steps = iter(range(1, step + 1))

    def between_steps() -> None:
        if next(steps) == step:
            raise NobodyNeedsItError

    return between_steps


def test_each_request_of_a_batch_has_its_own_steps(cut_engine: WhisperEngine) -> None:
    """Requests that share their passes call as well: whoever asks for no steps has none."""
    counts = [0, 0, 0]

    def counting(number: int) -> Callable[[], None]:
        def between_steps() -> None:
            counts[number] += 1

        return between_steps

    options = [DecodeOptions(forced_tokens=n) for n in (4, 9)]
    cut_engine.transcribe_batch(
        [
            SpeechRequest(UTTERANCES[0], options[0], between_steps=counting(0)),
            SpeechRequest(UTTERANCES[1], options[1], between_steps=counting(1)),
            SpeechRequest(UTTERANCES[2], options[1], is_exact=False, between_steps=counting(2)),
        ]
    )

    assert counts == [3, 8, counts[2]]
    assert counts[2] >= 8

"""Beam search: what it finds, its limits, hot-words."""

from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.asr.core.network import Pass, Rule, Scores
from models.asr.core.requests import DecodeOptions
from models.asr.core.tokens import TokenTable
from models.asr.decoding.beam import UNLIKELY_END, BeamDecoder
from models.asr.decoding.hot_words import HotWordBias
from models.asr.decoding.transcripts import DecodeTask, Transcript
from models.asr.decoding.whisper_engine import WhisperEngine
from models.audio.samples import FloatArray
from schemas.errors import InferenceError
from tests.support.models.synthetic_audio import babble

A, B, C, END, START = range(5)
TABLE = TokenTable(
    pieces=(b" a", b" b", b" c", b"", b""),
    end_of_text=END,
    start=START,
    start_of_previous=-1,
    no_speech=-1,
    no_timestamps=START,
    suppressed=(START,),
    suppressed_first=(END,),
)
NEVER = -np.inf


class Bigrams:
    """A network whose next token depends on the last one alone, and its batch.

    Args:
        log_probabilities: Of each token after each one, shape (tokens, tokens).
    """

    tokens = TABLE

    def __init__(self, log_probabilities: FloatArray) -> None:
        self._log_probabilities = log_probabilities
        self.rows = 1

    def decoder(self, _audio: Sequence[object], *, wants_attention: bool = True) -> "Bigrams":
        """Return the batch."""
        assert not wants_attention
        return self

    def advance(self, step: Pass) -> Scores:
        """Return what follows the tokens given."""
        assert len(step.tokens) == self.rows
        found = self._log_probabilities[step.tokens.ravel()[step.scored]].copy()
        found[:, START] = NEVER
        found[np.isin(step.rules, (Rule.FIRST, Rule.UNENDING)), END] = NEVER
        best = np.argsort(-found, axis=1, kind="stable")[:, : step.count]
        return Scores(best, np.take_along_axis(found, best, axis=1), found)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with rows."""
        assert max(rows) < self.rows
        self.rows = len(rows)


def search(log_probabilities: FloatArray, beam_size: int, **changes: object) -> Transcript:
    task = DecodeTask(**{"prompt": (START,), "max_tokens": 3, "wants_attention": False} | changes)  # type: ignore[arg-type]
    network = Bigrams(log_probabilities.astype(np.float32))
    return BeamDecoder(network).decode(None, task, beam_size)  # type: ignore[arg-type]


def table(**rows: dict[int, float]) -> FloatArray:
    """Return log-probabilities; what is not named is never written."""
    found = np.full((5, 5), NEVER)
    for number, name in enumerate(("a", "b", "c", "end", "start")):
        for token, probability in rows.get(name, {}).items():
            found[number, token] = np.log(probability)
    return found


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), length=st.integers(1, 4))
def test_a_beam_of_everything_finds_the_most_probable_text(seed: int, length: int) -> None:
    """By the mean of its tokens' log-probabilities, the end's in the sum; all texts compared.

    But for those that end where the end is unlikely.
    """
    logits = np.random.default_rng(seed).standard_normal((5, 5)) * 2
    logits[:, START] = NEVER
    logits[START, END] = NEVER
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))

    def mean(text: tuple[int, ...]) -> float:
        path = (START, *text, END) if len(text) < length else (START, *text)
        total = sum(log_probabilities[before, after] for before, after in pairwise(path))
        return float(total) / len(text)

    def is_whole(text: tuple[int, ...]) -> bool:
        after = log_probabilities[text[-1]]
        return len(text) == length or bool(after[END] >= after.max() - UNLIKELY_END)

    texts = [text for n in range(1, length + 1) for text in product((A, B, C), repeat=n)]
    texts = list(filter(is_whole, texts))

    found = search(log_probabilities, 4**length, max_tokens=length)

    best = max(texts, key=mean)
    assert tuple(found.tokens) == best
    assert found.total_log_probability / len(best) == pytest.approx(mean(best), abs=1e-5)


def test_what_begins_less_probably_may_end_as_the_best() -> None:
    """Greedy decoding goes where the first step is likeliest."""
    found = table(
        start={A: 0.6, B: 0.4},
        a={A: 0.34, B: 0.33, C: 0.33},
        b={C: 0.99, A: 0.01},
        c={END: 0.99, A: 0.01},
    )

    assert search(found, 1, max_tokens=2).tokens == [A, A]
    assert search(found, 2, max_tokens=2).tokens == [B, C]


@pytest.mark.parametrize(("end", "text"), [(0.05, [A, B, C]), (0.2, [A])])
def test_an_unlikely_end_does_not_cut_a_text(end: float, text: list[int]) -> None:
    """Its mean would be the highest, since the words after it are less sure."""
    found = table(
        start={A: 1.0},
        a={END: end, B: 1.0 - end},
        b={C: 1e-4, A: 5e-5, END: 4e-5},
        c={END: 0.999, A: 0.001},
    )

    assert search(found, 3, max_tokens=5).tokens == text


def test_a_word_may_end_wherever_it_does() -> None:
    """A caller's "Nine." needs no second one because its end was doubted."""
    found = table(
        start={A: 1.0},
        a={END: 0.05, B: 0.95},
        b={C: 1e-4, A: 5e-5, END: 4e-5},
        c={END: 0.999, A: 0.001},
    )

    assert search(found, 3, max_tokens=5).tokens == [A, B, C]
    assert search(found, 3, max_tokens=5, is_short=True).tokens == [A]


def test_a_text_of_a_given_length_never_ends_before() -> None:
    found = table(start={A: 1.0}, a={END: 0.9, B: 0.1}, b={END: 0.9, C: 0.1}, c={END: 0.9, A: 0.1})

    written = search(found, 5, max_tokens=9, is_forced=True)

    assert written.tokens == [A, B, C] * 3


def test_weights_without_a_finite_probability_are_an_error() -> None:
    with pytest.raises(InferenceError, match="no finite probabilities"):
        search(np.full((5, 5), np.nan), 5)


def test_a_hot_word_wins_over_what_is_a_little_likelier() -> None:
    found = table(start={A: 0.8, B: 0.2}, a={END: 1.0}, b={C: 1.0}, c={END: 1.0})

    assert search(found, 3).tokens == [A]
    favoured = search(found, 3, bias=HotWordBias([(B, C)], 2.0))

    assert favoured.tokens == [B, C]
    assert favoured.total_log_probability == pytest.approx(np.log(0.2))


def test_a_hot_word_that_breaks_off_gains_nothing() -> None:
    """Its first token alone would win, if it could keep the bonus."""
    found = table(start={A: 0.5, B: 0.4, C: 0.1}, a={END: 1.0}, b={END: 1.0}, c={END: 1.0})

    for phrase in [(B, C), (B, A, C)]:
        assert search(found, 3, bias=HotWordBias([phrase], 2.0)).tokens == [A]
    assert search(found, 3, bias=HotWordBias([(B,)], 2.0)).tokens == [B]


def total_change(bias: HotWordBias, *tokens: int) -> float:
    state, total = bias.start(), 0.0
    for token in tokens:
        common, of_token = bias.changes(state)
        total += of_token.get(token, common)
        state = bias.advance(state, token)
    return total


def test_bonuses_are_kept_for_whole_hot_words_alone() -> None:
    bias = HotWordBias([(1, 2, 3), (2, 7), (1, 2, 3, 4, 5)], 4.0)  # a beginning: 2.0

    assert total_change(bias, 9, 9) == 0
    assert total_change(bias, 1, 2) == 6.0
    assert total_change(bias, 1, 2, 9) == 0
    assert total_change(bias, 1, 2, 3, 9) == 10.0
    assert total_change(bias, 1, 2, 3, 4, 9) == 10.0
    assert total_change(bias, 1, 2, 3, 4, 5, 9) == 18.0
    assert total_change(bias, 1, 2, 7, 9) == 6.0  # the second one began inside the first
    assert total_change(bias, 1, 1, 2, 3) == 10.0


def test_a_beam_finds_other_and_likelier_texts_on_every_back_end(cut_engine: WhisperEngine) -> None:
    """Otherwise a comparison of the two would compare the same."""
    means = {}
    for size in (1, 5):
        options = DecodeOptions(beam_size=size, forced_tokens=12)
        found = [cut_engine.transcribe(babble(2_000, seed=seed), options) for seed in range(4)]
        means[size] = [one.avg_log_probability for one in found]

    assert all(wide >= narrow - 1e-4 for narrow, wide in zip(*means.values(), strict=True))
    assert sum(means[5]) > sum(means[1]) + 0.1

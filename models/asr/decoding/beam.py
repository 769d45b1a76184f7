"""Beam search: the likeliest transcript of one utterance that a few hypotheses at a time find.

Source: openai-whisper ``decoding.py``, ``BeamSearchDecoder``: a search ends with as many ended
hypotheses as it keeps, and the one with the highest mean log-probability is taken. One that ends
where the end is unlikely would often win against longer ones, and a sentence would be lost: such an
end does not count, but in audio that holds a word or two. Source: Hannun et al. 2019,
arXiv:1904.02619, section 2.4, of whose kind it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from models.asr.core.network import Pass, Rule, Scores
from models.asr.decoding.hot_words import ROOT
from models.asr.decoding.transcripts import Transcript
from schemas.errors import InferenceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.asr.core.network import DecoderBatch, IntArray, SpeechNetwork
    from models.asr.core.tokens import TokenTable
    from models.asr.decoding.hot_words import HotWordBias
    from models.asr.decoding.transcripts import DecodeTask
    from models.audio.samples import FloatArray


PART_TOKENS = 256
UNLIKELY_END = 2.0  # nats that the end of text may be behind the likeliest token


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    """A transcript while it is searched for.

    Attributes:
        tokens: So far, without the end of text.
        log_probabilities: One for each.
        total: Their sum, and that of the end of text if it came.
        bonus: For hot-words in it.
        bias_state: After its last token.
    """

    tokens: tuple[int, ...] = ()
    log_probabilities: tuple[float, ...] = ()
    total: float = 0.0
    bonus: float = 0.0
    bias_state: int = ROOT

    @property
    def score(self) -> float:
        """Return what hypotheses of one length are compared by."""
        return self.total + self.bonus

    @property
    def mean_score(self) -> float:
        """Return what ended hypotheses are compared by: the end of text counts, not as a token."""
        return self.score / max(len(self.tokens), 1)


@dataclass(slots=True)
class _Beam:
    """The hypotheses of one search.

    Attributes:
        going: That go on, the best one first.
        rows: Row of the decoder's batch that each of them goes on from.
        ended: That are complete.
    """

    going: list[_Hypothesis]
    rows: list[int]
    ended: list[_Hypothesis]


class BeamDecoder:
    """Writes the transcript with the highest mean log-probability that its search finds.

    Args:
        network: Writes them.
    """

    def __init__(self, network: SpeechNetwork) -> None:
        self._network = network
        self._table: TokenTable = network.tokens

    def decode(self, audio: Any, task: DecodeTask, beam_size: int) -> Transcript:
        """Return what is written for one utterance; its draft is not used.

        Args:
            audio: What the network's ``encode`` returned.
            task: What to write.
            beam_size: Most hypotheses that go on at a time.

        Raises:
            InferenceError: The network gives no finite probabilities.
        """
        batch = self._network.decoder([audio], wants_attention=False)
        beam, no_speech_probability = self._begin(batch, task, beam_size)
        while beam.going and len(beam.ended) < beam_size:
            if len(beam.going[0].tokens) >= task.max_tokens:
                beam.ended += beam.going[: beam_size - len(beam.ended)]
                break
            task.between_steps()
            self._go_on(batch, beam, task, beam_size)
        if not beam.ended:
            raise InferenceError("the speech weights give no finite probabilities")
        best = max(beam.ended, key=lambda one: one.mean_score)
        return Transcript(
            tokens=list(best.tokens),
            log_probabilities=list(best.log_probabilities),
            total_log_probability=best.total,
            no_speech_probability=no_speech_probability,
            attention=self._attention(audio, task, best.tokens),
        )

    def _begin(self, batch: DecoderBatch, task: DecodeTask, beam_size: int) -> tuple[_Beam, float]:
        """Give the prompt; return the beam of the first tokens, and that nobody speaks."""
        last = len(task.prompt) - 1
        step = _text_pass(task.prompt, [task.start, last], [Rule.ANYTHING, Rule.FIRST])
        wanted = replace(step, count=self._candidates(beam_size), wants_all=True)
        scores = batch.advance(wanted)
        assert scores.log_probabilities is not None
        no_speech = self._table.no_speech
        at_opening = scores.log_probabilities[0]
        probability = float(np.exp(at_opening[no_speech])) if no_speech >= 0 else 0.0
        beam = _Beam([_Hypothesis()], [0], [])
        self._extend(beam, _at_last(scores), task, beam_size)
        return beam, probability

    def _candidates(self, beam_size: int) -> int:
        """Return how many tokens of a row can be among the next ones: half of them may be ends."""
        return min(2 * beam_size, len(self._table.pieces))

    def _go_on(self, batch: DecoderBatch, beam: _Beam, task: DecodeTask, beam_size: int) -> None:
        """Write one more token of every hypothesis."""
        batch.keep(beam.rows)
        count, written = len(beam.going), len(beam.going[0].tokens)
        position = len(task.prompt) + written - 1
        rule = Rule.UNENDING if task.is_forced else Rule.TEXT
        scores = batch.advance(
            Pass(
                tokens=np.array([[one.tokens[-1]] for one in beam.going]),
                positions=np.full((count, 1), position),
                mask=np.zeros((1, 1, 1, position + 1), np.float32),
                scored=np.arange(count),
                rules=np.full(count, int(rule)),
                count=self._candidates(beam_size),
                wants_all=task.bias is not None,
            )
        )
        self._extend(beam, scores, task, beam_size)

    def _extend(self, beam: _Beam, scores: Scores, task: DecodeTask, beam_size: int) -> None:
        """Replace hypotheses by the best of those that are one token longer.

        Args:
            beam: To change.
            scores: Of the next token of each.
            task: With the hot-words.
            beam_size: Most hypotheses that go on.
        """
        found = _next_tokens(scores, beam.going, task.bias)
        going, rows = [], []
        for row, column in found.best_places(2 * beam_size):
            token = int(found.tokens[row, column])
            log_probability = float(found.log_probabilities[row, column])
            longer = self._longer(beam.going[row], token, log_probability, task)
            if token == self._table.end_of_text:
                likeliest = found.log_probabilities[row].max()
                counts = task.is_short or log_probability >= likeliest - UNLIKELY_END
                if counts and len(beam.ended) < beam_size:
                    beam.ended.append(longer)
                continue
            going.append(longer)
            rows.append(row)
            if len(going) == beam_size:
                break
        beam.going, beam.rows = going, rows

    def _longer(
        self, one: _Hypothesis, token: int, log_probability: float, task: DecodeTask
    ) -> _Hypothesis:
        total = one.total + log_probability
        state, bonus = one.bias_state, one.bonus
        if task.bias is not None:
            common, of_token = task.bias.changes(state)
            bonus += of_token.get(token, common)
            state = task.bias.advance(state, token)
        if token == self._table.end_of_text:
            return replace(one, total=total, bonus=bonus)
        return _Hypothesis(
            (*one.tokens, token), (*one.log_probabilities, log_probability), total, bonus, state
        )

    def _attention(self, audio: Any, task: DecodeTask, tokens: Sequence[int]) -> FloatArray | None:
        """Return the cross-attention of the opening and a text, read in one pass."""
        if not (task.wants_attention and tokens):
            return None
        given = (*task.prompt, *tokens)
        batch = self._network.decoder([audio])
        batch.advance(_text_pass(given, [len(given) - 1], [Rule.ANYTHING]))
        return batch.attention(0, np.arange(task.start, len(given)))


def _text_pass(tokens: Sequence[int], scored: Sequence[int], rules: Sequence[Rule]) -> Pass:
    """Return the pass of a batch of one over its first tokens."""
    length = len(tokens)
    causal = np.triu(np.full((length, length), -np.inf, np.float32), 1)
    return Pass(
        tokens=np.array([tokens]),
        positions=np.arange(length)[None],
        mask=causal[None, None],
        scored=np.array(scored),
        rules=np.array([int(rule) for rule in rules], np.int64),
    )


class _NextTokens(NamedTuple):
    """The tokens that a hypothesis may go on with, a row for each, shape (hypotheses, count).

    Attributes:
        tokens: The best one first.
        log_probabilities: Theirs.
        totals: Score of the hypothesis with each of them.
    """

    tokens: IntArray
    log_probabilities: FloatArray
    totals: FloatArray

    def best_places(self, count: int) -> list[tuple[int, int]]:
        """Return row and column of the highest finite totals, the best one first."""
        order = np.argsort(-self.totals, axis=None, kind="stable")[:count]
        places = (divmod(int(place), self.totals.shape[1]) for place in order)
        return [place for place in places if np.isfinite(self.totals[place])]


def _next_tokens(
    scores: Scores, going: Sequence[_Hypothesis], bias: HotWordBias | None
) -> _NextTokens:
    before = np.array([one.score for one in going])[:, None]
    if bias is None:
        log_probabilities = scores.best_log_probabilities
        return _NextTokens(scores.best, log_probabilities, before + log_probabilities)
    assert scores.log_probabilities is not None
    favoured = scores.log_probabilities.copy()
    for row, one in enumerate(going):
        common, of_token = bias.changes(one.bias_state)
        favoured[row] += common
        for token, change in of_token.items():
            favoured[row, token] += change - common
    count = scores.best.shape[1]
    tokens = np.array([_highest(row, count) for row in favoured])
    return _NextTokens(
        tokens,
        np.take_along_axis(scores.log_probabilities, tokens, axis=1),
        before + np.take_along_axis(favoured, tokens, axis=1),
    )


def _highest(row: FloatArray, count: int) -> IntArray:
    """Return the places of the highest of a row, the highest first.

    There are tens of thousands of tokens: what is not as high as so many parts' own maxima cannot
    be among them, which leaves a few dozen to be sorted.
    """
    parts = row[: len(row) // PART_TOKENS * PART_TOKENS].reshape(-1, PART_TOKENS).max(axis=1)
    bound = np.partition(parts, -count)[-count] if len(parts) >= count else -np.inf
    places = np.flatnonzero(row >= bound)
    return places[np.lexsort((places, -row[places]))][:count]


def _at_last(scores: Scores) -> Scores:
    """Return what is said at the last of the positions."""
    every = scores.log_probabilities
    return Scores(
        scores.best[-1:],
        scores.best_log_probabilities[-1:],
        None if every is None else every[-1:],
    )

"""Beam search: the likeliest transcript of one utterance that a few hypotheses at a time find.

Source: openai-whisper ``decoding.py``, ``BeamSearchDecoder``: a search ends with as many ended
hypotheses as it keeps, and the one with the highest mean log-probability is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from models.asr.core.network import Pass, Rule
from models.asr.decoding.hot_words import ROOT
from models.asr.decoding.transcripts import Transcript
from schemas.errors import InferenceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.asr.core.network import DecoderBatch, SpeechNetwork
    from models.asr.core.tokens import TokenTable
    from models.asr.decoding.transcripts import DecodeTask
    from models.audio.samples import FloatArray


PART_TOKENS = 256


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
        scores = batch.advance(
            _text_pass(task.prompt, [task.start, last], [Rule.ANYTHING, Rule.FIRST])
        )
        assert scores.log_probabilities is not None
        at_opening, at_text = scores.log_probabilities
        no_speech = self._table.no_speech
        probability = float(np.exp(at_opening[no_speech])) if no_speech >= 0 else 0.0
        beam = _Beam([_Hypothesis()], [0], [])
        self._extend(beam, at_text[None], task, beam_size)
        return beam, probability

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
                wants_all=True,
            )
        )
        assert scores.log_probabilities is not None
        self._extend(beam, scores.log_probabilities, task, beam_size)

    def _extend(
        self, beam: _Beam, log_probabilities: FloatArray, task: DecodeTask, beam_size: int
    ) -> None:
        """Replace hypotheses by the best of those that are one token longer.

        Args:
            beam: To change.
            log_probabilities: Of the next token of each, shape (hypotheses, tokens).
            task: With the hot-words.
            beam_size: Most hypotheses that go on.
        """
        scores = np.array([one.score for one in beam.going])[:, None] + log_probabilities
        if task.bias is not None:
            for row, one in enumerate(beam.going):
                common, of_token = task.bias.changes(one.bias_state)
                scores[row] += common
                for token, change in of_token.items():
                    scores[row, token] += change - common
        going, rows = [], []
        for row, token in _best_places(scores, 2 * beam_size):  # ends are at most half of them
            log_probability = float(log_probabilities[row, token])
            longer = self._longer(beam.going[row], token, log_probability, task)
            if token == self._table.end_of_text:
                beam.ended += [longer] * (len(beam.ended) < beam_size)
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
        wants_all=True,
    )


def _best_places(scores: FloatArray, count: int) -> list[tuple[int, int]]:
    """Return row and column of the highest finite scores, the best one first.

    There are tens of thousands of tokens: what is not as high as so many parts' own maxima cannot
    be among them, which leaves a few dozen to be sorted.
    """
    flat = scores.ravel()
    parts = flat[: len(flat) // PART_TOKENS * PART_TOKENS].reshape(-1, PART_TOKENS).max(axis=1)
    bound = np.partition(parts, -count)[-count] if len(parts) >= count else -np.inf
    places = np.flatnonzero(flat >= bound)
    best = places[np.lexsort((places, -flat[places]))][:count]
    width = scores.shape[1]
    return [divmod(int(place), width) for place in best if np.isfinite(flat[place])]

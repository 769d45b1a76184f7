"""Greedy decoding of a batch of utterances, each with a draft to verify.

Without a draft it writes what ``whisper.decode`` at temperature 0 writes.
Source: openai-whisper ``decoding.py``; drafts: Leviathan et al. 2023, arXiv:2211.17192, of which
greedy decoding is the case that accepts a token if it is the best one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from models.asr.core.network import Pass, Rule
from models.asr.decoding.transcripts import Transcript

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.asr.core.network import DecoderBatch, IntArray, Scores
    from models.asr.core.tokens import TokenTable
    from models.asr.decoding.transcripts import DecodeTask
    from models.audio.samples import FloatArray


@dataclass(slots=True)
class _Row:
    """An utterance while it is being written.

    ``columns`` are the positions in the decoder's cache that hold its opening and text; those that
    a rejected draft leaves behind are masked.
    """

    task: DecodeTask
    draft: tuple[int, ...]
    transcript: Transcript
    columns: list[int] = field(default_factory=list)
    bias_state: int = 0
    is_done: bool = False

    def take(self, token: int, log_probability: float, end_of_text: int) -> None:
        """Write the next token, or end."""
        transcript = self.transcript
        transcript.total_log_probability += log_probability
        if token == end_of_text:
            self.is_done = True
            return
        transcript.tokens.append(token)
        transcript.log_probabilities.append(log_probability)
        if self.task.bias is not None:
            self.bias_state = self.task.bias.advance(self.bias_state, token)

    @property
    def is_full(self) -> bool:
        return len(self.transcript.tokens) >= self.task.max_tokens

    @property
    def position(self) -> int:
        """Return the position of the next token."""
        return len(self.task.prompt) + len(self.transcript.tokens)

    def rule(self) -> Rule:
        """Return what may be written next."""
        if not self.transcript.tokens:
            return Rule.FIRST
        return Rule.UNENDING if self.task.is_forced else Rule.TEXT


class GreedyDecoder:
    """Writes the most probable tokens.

    Args:
        table: Of the network's tokens.
    """

    def __init__(self, table: TokenTable) -> None:
        self._table = table

    def decode(self, batch: DecoderBatch, tasks: Sequence[DecodeTask]) -> list[Transcript]:
        """Return what the network writes, one transcript for each utterance of the batch.

        Args:
            batch: Before its first token; used up.
            tasks: One for each of its utterances.
        """
        rows = [_Row(task, task.draft[: task.max_tokens], Transcript()) for task in tasks]
        memory = self._read_prompts(batch, rows)
        active = list(rows)
        while not all(row.is_done for row in active):
            for row in active:
                row.task.between_steps()
            active, memory = self._compact(batch, active, memory)
            memory = self._write_next(batch, active, memory)
        self._collect(batch, active)
        return [row.transcript for row in rows]

    def best_languages(self, batch: DecoderBatch, count: int) -> list[str]:
        """Return the most probable language of each of ``count`` utterances; uses up the batch."""
        codes = {token: code for code, token in self._table.languages.items()}
        step = Pass(
            tokens=np.full((count, 1), self._table.start),
            positions=np.zeros((count, 1), np.int64),
            mask=np.zeros((1, 1, 1, 1), np.float32),
            scored=np.arange(count),
            rules=np.full(count, int(Rule.ANYTHING)),
            wants_all=True,
        )
        log_probabilities = batch.advance(step).log_probabilities
        assert log_probabilities is not None
        return [codes[max(codes, key=row.__getitem__)] for row in log_probabilities]

    def _read_prompts(self, batch: DecoderBatch, rows: list[_Row]) -> FloatArray:
        """Give every utterance its prompt and draft; return the mask of the positions in use."""
        given = [(*row.task.prompt, *row.draft) for row in rows]
        length = max(map(len, given))
        tokens = np.full((len(rows), length), self._table.end_of_text)
        scored, rules = [], []
        for number, (row, its_tokens) in enumerate(zip(rows, given, strict=True)):
            tokens[number, : len(its_tokens)] = its_tokens
            first = len(row.task.prompt) - 1
            scored += [
                number * length + at for at in (row.task.start, *range(first, len(its_tokens)))
            ]
            later = Rule.UNENDING if row.task.is_forced else Rule.TEXT
            rules += [Rule.ANYTHING, Rule.FIRST, *[later] * len(row.draft)]
        causal = np.triu(np.full((length, length), -np.inf, np.float32), 1)
        scores = batch.advance(
            Pass(
                tokens=tokens,
                positions=np.tile(np.arange(length), (len(rows), 1)),
                mask=causal[None, None],
                scored=np.array(scored),
                rules=np.array(rules, np.int64),
                wants_all=True,
            )
        )
        at = 0
        for row in rows:
            at = self._accept(row, scores, at)
        memory = np.full((len(rows), length), -np.inf, np.float32)
        for number, row in enumerate(rows):
            memory[number, row.columns] = 0.0
        return memory

    def _accept(self, row: _Row, scores: Scores, at: int) -> int:
        """Write the draft's tokens as long as each is the best one, and the one after them."""
        if self._table.no_speech >= 0 and scores.log_probabilities is not None:
            log_probability = scores.log_probabilities[at, self._table.no_speech]
            row.transcript.no_speech_probability = float(np.exp(log_probability))
        end = at + 2 + len(row.draft)
        accepted = 0
        for number, index in enumerate(range(at + 1, end)):
            token = self._take_best(row, scores, index)
            if number == len(row.draft) or token != row.draft[number] or row.is_done:
                break
            accepted += 1
            if row.is_full:
                row.is_done = True
                break
        row.columns = list(range(len(row.task.prompt) + accepted))
        return end

    def _write_next(self, batch: DecoderBatch, rows: list[_Row], memory: FloatArray) -> FloatArray:
        """Give every utterance its last token and write the next one."""
        past = memory.shape[1]
        memory = np.concatenate((memory, np.zeros((len(rows), 1), np.float32)), axis=1)
        is_whole = not memory.any()
        last = [row.transcript.tokens[-1] if row.transcript.tokens else 0 for row in rows]
        scores = batch.advance(
            Pass(
                tokens=np.array(last)[:, None],
                positions=np.array([row.position - 1 for row in rows])[:, None],
                mask=np.zeros((1, 1, 1, past + 1), np.float32)
                if is_whole
                else memory[:, None, None, :],
                scored=np.arange(len(rows)),
                rules=np.array([int(row.rule()) for row in rows]),
                wants_all=any(row.task.bias is not None for row in rows),
            )
        )
        for number, row in enumerate(rows):
            if row.is_done:
                continue
            row.columns.append(past)
            if row.is_full:
                row.is_done = True
            else:
                self._take_best(row, scores, number)
        return memory

    def _take_best(self, row: _Row, scores: Scores, index: int) -> int:
        token = int(scores.best[index, 0])
        log_probability = float(scores.best_log_probabilities[index, 0])
        if row.task.bias is not None and scores.log_probabilities is not None:
            token, log_probability = _favoured(row, scores.log_probabilities[index])
        row.take(token, log_probability, self._table.end_of_text)
        return token

    def _compact(
        self, batch: DecoderBatch, rows: list[_Row], memory: FloatArray
    ) -> tuple[list[_Row], FloatArray]:
        """Drop the finished utterances once they are half of the batch."""
        kept = [number for number, row in enumerate(rows) if not row.is_done]
        if 2 * len(kept) > len(rows):
            return rows, memory
        self._collect(batch, rows)
        batch.keep(kept)
        return [rows[number] for number in kept], memory[kept]

    @staticmethod
    def _collect(batch: DecoderBatch, rows: list[_Row]) -> None:
        """Take the cross-attention of the finished utterances before they are dropped."""
        for number, row in enumerate(rows):
            if row.is_done and row.task.wants_attention and row.transcript.tokens:
                columns: IntArray = np.array(row.columns[row.task.start :])
                row.transcript.attention = batch.attention(number, columns)


def _favoured(row: _Row, log_probabilities: FloatArray) -> tuple[int, float]:
    """Return the best token with the phrases' bonuses, and its log-probability without."""
    assert row.task.bias is not None
    favoured = log_probabilities.copy()
    for token, bonus in row.task.bias.bonuses(row.bias_state).items():
        favoured[token] += bonus
    token = int(favoured.argmax())
    return token, float(log_probabilities[token])

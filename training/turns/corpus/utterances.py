"""From turns to utterances: one to three consecutive sentences, each in one utterance only."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec

from training.turns.corpus.sentences import Sentence, split_turn
from training.turns.sources.conversations import Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from training.turns.corpus.data_recipe import Grouping
    from training.turns.sources.conversations import Conversation, Turn


class Utterance(msgspec.Struct, frozen=True):
    """Consecutive whole sentences of one turn.

    Attributes:
        sentences: At least one.
        role: Who speaks.
        is_complete: The label of the source; None where it has none.
    """

    sentences: tuple[Sentence, ...]
    role: Role = "unknown"
    is_complete: bool | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """Return the words of all sentences."""
        return tuple(word for sentence in self.sentences for word in sentence.words)


def list_utterances(conversation: Conversation, grouping: Grouping, seed: int) -> list[Utterance]:
    """Return the utterances of a conversation; the same seed gives the same ones."""
    draw = random.Random(f"{seed}/utterances/{conversation.name}")
    utterances = []
    for turn in conversation.turns:
        sentences = split_turn(turn, is_punctuated=conversation.is_punctuated)
        if turn.is_complete is not None:
            parts = [tuple(sentences)] if sentences else []
        else:
            rules = _single(grouping) if turn.mixes_speakers else grouping
            parts = list(_group(sentences, rules, draw))
        utterances += [_utterance(part, turn) for part in parts]
    return utterances


def _single(grouping: Grouping) -> Grouping:
    return msgspec.structs.replace(grouping, sentence_weights=(1.0,))


def _utterance(sentences: tuple[Sentence, ...], turn: Turn) -> Utterance:
    return Utterance(sentences, turn.role, turn.is_complete)


def _group(
    sentences: Sequence[Sentence], grouping: Grouping, draw: random.Random
) -> Iterator[tuple[Sentence, ...]]:
    sizes = range(1, len(grouping.sentence_weights) + 1)
    is_short = sum(len(sentence.words) for sentence in sentences) <= grouping.short_turn_words
    for run in _whole_runs(sentences):
        start = 0
        while start < len(run):
            size = draw.choices(sizes, grouping.sentence_weights)[0]
            stop = start + (len(sizes) if is_short else size)
            group = _tail(run[start:stop], grouping.max_words)
            if group:
                yield group
            start = stop


def _whole_runs(sentences: Sequence[Sentence]) -> Iterator[list[Sentence]]:
    run: list[Sentence] = []
    for sentence in sentences:
        if sentence.is_whole:
            run.append(sentence)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _tail(sentences: Sequence[Sentence], max_words: int) -> tuple[Sentence, ...]:
    kept = list(sentences)
    while kept and sum(len(sentence.words) for sentence in kept) > max_words:
        kept.pop(0)
    return tuple(kept)

"""Candidates: every utterance of the sources as the one example it may become."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from models.text.spoken_form import spoken_form
from training.text.recognizer_noise import SimilarWords, with_mistakes
from training.turns.corpus.examples import Example, Split
from training.turns.corpus.splits import earlier, split_of
from training.turns.corpus.truncation import cut_utterance, one_shot_key, spoken_words
from training.turns.corpus.utterances import Utterance, list_utterances
from training.turns.sources.readers import read_conversations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from training.turns.corpus.data_recipe import DataRecipe


class FoundUtterance(msgspec.Struct, frozen=True):
    """An utterance with its source and split, and the key that it shares with equal ones."""

    key: str
    utterance: Utterance
    source: str
    conversation: str
    split: Split


class Candidate(msgspec.Struct, frozen=True):
    """The example of an utterance; a set takes one candidate of a key at most."""

    key: str
    split: Split
    example: Example


class SourceReport(msgspec.Struct, frozen=True):
    """Counts of one source.

    Attributes:
        conversations: In the source.
        utterances: After the grouping.
        other_split: Left out: the same words occur in a conversation of an earlier split.
        candidates: What a set may choose from; equal utterances count each time.
    """

    conversations: int
    utterances: int
    other_split: int
    candidates: int


def find_utterances(
    recipe: DataRecipe, data: Path, seed: int, progress: Callable[[str], None]
) -> tuple[list[FoundUtterance], dict[str, SourceReport]]:
    """Return the utterances of all sources, each in the split of its conversation.

    The same words in conversations of two splits belong to the earlier one, so that no
    training text is tested.

    Raises:
        MissingDataError: A source is not there or has another form.
    """
    found: list[FoundUtterance] = []
    conversations: Counter[str] = Counter()
    for name, source in recipe.sources.items():
        progress(name)
        for conversation in read_conversations(name, source, data):
            conversations[name] += 1
            split = split_of(conversation.name, recipe.test_share, recipe.validation_share)
            for utterance in list_utterances(conversation, recipe.grouping, seed):
                key = one_shot_key(utterance)
                if key:
                    found.append(FoundUtterance(key, utterance, name, conversation.name, split))
    owners = _owners(found)
    kept = [one for one in found if one.split == owners[one.key]]
    before = Counter(one.source for one in found)
    after = Counter(one.source for one in kept)
    reports = {
        name: SourceReport(
            conversations[name], before[name], before[name] - after[name], after[name]
        )
        for name in recipe.sources
    }
    return kept, reports


def _owners(found: Iterable[FoundUtterance]) -> dict[str, Split]:
    owners: dict[str, Split] = {}
    for one in found:
        owners[one.key] = earlier(owners.get(one.key, one.split), one.split)
    return owners


class ExampleMaker:
    """Makes the example of an utterance; the same key and seed give the same random choices."""

    def __init__(self, recipe: DataRecipe, seed: int, found: Iterable[FoundUtterance]) -> None:
        train = [one for one in found if one.split == "train"]
        self._recipe = recipe
        self._seed = seed
        self._complete_keys = frozenset(one.key for one in train)
        words = {word for one in train for word in one.key.split()} if recipe.noise.share else ()
        self._similar = SimilarWords(words)

    def make(self, one: FoundUtterance) -> Candidate:
        """Return the candidate of an utterance.

        In the train split no cut leaves a text that is a complete utterance elsewhere: such a
        label would be noise. Validation and test stay as drawn.
        """
        draw = random.Random(f"{self._seed}/example/{one.key}")
        is_train = one.split == "train"
        by_digits = draw.random() < self._recipe.read_out_share
        cut = cut_utterance(
            spoken_words(one.utterance, by_digits=by_digits),
            self._recipe.truncation,
            draw,
            complete_keys=self._complete_keys if is_train else (),
        )
        written = " ".join(cut.words)
        text = spoken_form(written)
        if is_train:
            text = with_mistakes(
                text, self._recipe.noise, self._similar, draw, is_complete=cut.is_complete
            )
        example = Example(
            text=text,
            written=written,
            is_complete=cut.is_complete,
            source=one.source,
            conversation=one.conversation,
            role=one.utterance.role,
        )
        return Candidate(one.key, one.split, example)

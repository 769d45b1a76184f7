"""The table ``[data]`` of a recipe: sources, sets, and how utterances are cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from training.core.errors import RecipeError
from training.text.recognizer_noise import RecognizerNoise
from training.turns.corpus.examples import SET_NAMES, SPLITS, Split
from training.turns.corpus.splits import TEST_SHARE, VALIDATION_SHARE
from training.turns.sources.conversations import Role
from training.turns.sources.recipe import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


LATER_SHARE = 5  # of the least examples for training, one in five for validation and test


class SetRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One set of examples: how many, from where, of whom.

    Attributes:
        train: Examples to learn from.
        validation: Examples that choose the best epoch.
        test: Examples of the figures.
        sources: Weight of each source; what one of them lacks comes from the others.
        roles: Who may speak; empty takes everyone.
        union: The sets this one consists of, instead of everything above.
        least: Training examples that a model can learn from; a fifth of them is wanted for
            validation and test.
    """

    train: int = 0
    validation: int = 0
    test: int = 0
    sources: dict[str, float] = {}
    roles: tuple[Role, ...] = ()
    union: tuple[str, ...] = ()
    least: int = 1

    def asked(self, split: Split) -> int:
        """Return how many examples of a split are wanted."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[split]

    def needed(self, split: Split) -> int:
        """Return how many examples of a split there must be, none if none are wanted."""
        if not self.asked(split) and not self.union:
            return 0
        return self.least if split == "train" else self.least // LATER_SHARE


class Grouping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a turn becomes utterances.

    Attributes:
        sentence_weights: Of one, two, three .. consecutive sentences in one utterance.
        short_turn_words: A turn of no more words stays whole.
        max_words: A longer utterance loses sentences from its front; one longer sentence is
            left out.
    """

    sentence_weights: tuple[float, ...] = (0.5, 0.3, 0.2)
    short_turn_words: int = 12
    max_words: int = 60


class Truncation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which utterances are cut, and where.

    Attributes:
        share: Of the utterances of two words or more.
        pause_share: Share of cuts at a real pause, where the source knows pauses.
        min_pause_ms: Shorter gaps do not count.
        redraws: How often a cut of the train split that leaves a complete utterance is drawn
            again before the utterance stays whole.
    """

    share: float = 0.5
    pause_share: float = 0.7
    min_pause_ms: int = 300
    redraws: int = 4


class DataRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that decides the examples, apart from the seed and the data.

    Attributes:
        sources: By name.
        sets: By name: general, domain, agent, customer, multi.
        grouping: From turns to utterances.
        truncation: From utterances to examples.
        read_out_share: Share of the utterances whose bare numbers are read out digit by digit.
        noise: Mistakes of a recognizer; never in validation and test.
        test_share: Of the conversations.
        validation_share: Of the conversations.
    """

    sources: dict[str, Source]
    sets: dict[str, SetRecipe]
    grouping: Grouping = Grouping()
    truncation: Truncation = Truncation()
    read_out_share: float = 0.5
    noise: RecognizerNoise = RecognizerNoise()
    test_share: float = TEST_SHARE
    validation_share: float = VALIDATION_SHARE


def check_recipe(recipe: DataRecipe) -> None:
    """Check a recipe.

    Raises:
        RecipeError: A set names what is not there, or a share or count is out of range.
    """
    for complaint in (*_set_complaints(recipe), *_number_complaints(recipe)):
        raise RecipeError(f"the table [data] is not valid: {complaint}")


def _set_complaints(recipe: DataRecipe) -> Iterator[str]:
    if not recipe.sets:
        yield "it has no sets"
    for name, wanted in recipe.sets.items():
        if name not in SET_NAMES:
            yield f"sets.{name}: the sets are {', '.join(SET_NAMES)}"
        yield from _one_set(name, wanted, recipe)
    for name, source in recipe.sources.items():
        if not source.path:
            yield f"sources.{name} has no path"


def _one_set(name: str, wanted: SetRecipe, recipe: DataRecipe) -> Iterator[str]:
    if wanted.union:
        for part in wanted.union:
            if part not in recipe.sets or recipe.sets[part].union:
                yield f"sets.{name}.union: {part!r} is not a set with examples of its own"
        if wanted.sources or wanted.roles or any(wanted.asked(split) for split in SPLITS):
            yield f"sets.{name}: a union has neither counts nor sources nor roles"
        return
    if not wanted.sources:
        yield f"sets.{name} has no sources"
    for source, weight in wanted.sources.items():
        if source not in recipe.sources:
            yield f"sets.{name}.sources: there is no source {source!r}"
        if weight <= 0:
            yield f"sets.{name}.sources.{source} must be above 0"
    if min(wanted.train, wanted.test, wanted.least) < 1 or wanted.validation < 0:
        yield f"sets.{name}: train, test and least must be 1 or more, validation 0 or more"


def _number_complaints(recipe: DataRecipe) -> Iterator[str]:
    shares: Mapping[str, float] = {
        "truncation.share": recipe.truncation.share,
        "truncation.pause_share": recipe.truncation.pause_share,
        "read_out_share": recipe.read_out_share,
        "noise.share": recipe.noise.share,
        "noise.drop": recipe.noise.drop,
        "noise.replace": recipe.noise.replace,
        "noise.cut": recipe.noise.cut,
        "test_share": recipe.test_share,
        "validation_share": recipe.validation_share,
        "test_share and validation_share": recipe.test_share + recipe.validation_share,
    }
    for name, share in shares.items():
        if not 0 <= share <= 1:
            yield f"{name} must lie in [0, 1]"
    weights = recipe.grouping.sentence_weights
    if not weights or min(weights) < 0 or sum(weights) <= 0:
        yield "grouping.sentence_weights must be positive numbers"
    if recipe.grouping.max_words < 2:  # noqa: PLR2004  one word can never be cut
        yield "grouping.max_words must be 2 or more"
    if recipe.truncation.redraws < 0 or recipe.grouping.short_turn_words < 0:
        yield "truncation.redraws and grouping.short_turn_words must be 0 or more"

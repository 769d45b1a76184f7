"""The table ``[data]`` of a recipe: the sources, the splits, the calendar, the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from models.analytics.temporal import CallCalendar
from training.analytics.forms.rows import Limits
from training.analytics.sources.recipe import Composed, Source
from training.core.errors import RecipeError
from training.core.splits import Shares

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWN = "own"  # source of the folders that are given on the command line


class DataRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that decides the calls, apart from the seed, the guide and the files.

    Attributes:
        sources: By name, in the order in which they are read.
        test_share: Of the groups of a source that names no splits.
        validation_share: Likewise.
        near_copy: Similarity from which a call is left out for one of a later split; 1 leaves out
            only the same.
        calendar: Says what was open and busy where the files do not.
        max_tokens: Of prompt and answer in the document's form.
        answer_tokens: Of them kept free for the answer.
    """

    sources: dict[str, Source] = {}
    test_share: float = 0.1
    validation_share: float = 0.1
    near_copy: float = 0.8
    calendar: CallCalendar = CallCalendar()
    max_tokens: int = 2048
    answer_tokens: int = 500

    @property
    def shares(self) -> Shares:
        """Of the groups that are not trained on."""
        return Shares(self.test_share, self.validation_share)

    @property
    def limits(self) -> Limits:
        """How long a call may be in the document's form."""
        return Limits(self.max_tokens, self.answer_tokens)


def data_recipe(table: dict[str, Any]) -> DataRecipe:
    """Return the table ``[data]`` of a recipe.

    Raises:
        RecipeError: A setting is missing, unknown or out of range.
    """
    try:
        recipe = msgspec.convert(table, DataRecipe)
    except msgspec.ValidationError as error:
        raise RecipeError(f"the table [data] is not valid: {error}") from error
    for complaint in _complaints(recipe):
        raise RecipeError(f"the table [data] is not valid: {complaint}")
    return recipe


def own_folders(transcripts: Path, analyses: Path) -> dict[str, dict[str, str]]:
    """Return the table of the sources that two folders on the command line are."""
    return {OWN: {"kind": "analysed", "transcripts": str(transcripts), "analyses": str(analyses)}}


def _complaints(recipe: DataRecipe) -> Iterator[str]:
    if not recipe.sources:
        yield (
            "it has no sources; add [data.sources.NAME], or give --transcript-dir and "
            "--analysis-dir"
        )
    if min(recipe.shares) < 0 or sum(recipe.shares) >= 1:
        yield "test_share and validation_share must leave some to train on"
    if not 0 < recipe.near_copy <= 1:
        yield "near_copy must lie above 0 and be 1 at most"
    if not 0 < recipe.answer_tokens < recipe.max_tokens:
        yield "answer_tokens must be above 0 and below max_tokens"
    for name, source in recipe.sources.items():
        if isinstance(source, Composed):
            yield from (f"sources.{name}: {each}" for each in _wrong_counts(source))


def _wrong_counts(source: Composed) -> Iterator[str]:
    if min(source.train, source.validation, source.test) < 0:
        yield "counts must be 0 or more"
    if not 0 <= source.noise_share <= 1:
        yield "noise_share must lie in [0, 1]"

"""The table ``[data]`` of a recipe: the label set, the sources, and how rows are made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from models.classification.label_set import load_label_set
from training.classification.corpus.composition import Composition
from training.classification.sources.recipe import Source
from training.core.errors import RecipeError
from training.core.splits import Shares

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from models.classification.label_set import LabelSet


class DataRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that decides the rows, apart from the seed and the data.

    Attributes:
        label_set: Name of one that ships, or the path of a file.
        sources: By name, in the order in which they are read.
        stratify_by: Task over whose labels splits and limits are spread; by default the one that
            has a parent, or else the first.
        test_share: Of the groups of a source that says nothing itself.
        validation_share: Likewise.
        near_copy: Similarity from which a row is left out for one of a later split; 1 leaves
            out only the same.
        composition: Calls that are composed around questions.
    """

    label_set: str
    sources: dict[str, Source]
    stratify_by: str = ""
    test_share: float = 0.1
    validation_share: float = 0.1
    near_copy: float = 0.8
    composition: Composition = Composition()

    def shares(self, source: Source) -> Shares:
        """Return the shares of a source."""
        return Shares(
            self.test_share if source.test_share < 0 else source.test_share,
            self.validation_share if source.validation_share < 0 else source.validation_share,
        )


def check_recipe(recipe: DataRecipe) -> LabelSet:
    """Return the label set of a recipe that is consistent.

    Raises:
        ConfigurationError: The label set is not there or not valid, or the recipe names what is
            not there, or a number is out of range.
    """
    label_set = load_label_set(recipe.label_set)
    for complaint in (*_source_complaints(recipe), *_complaints(recipe, label_set)):
        raise RecipeError(f"the table [data] is not valid: {complaint}")
    return label_set


def stratified_task(recipe: DataRecipe, label_set: LabelSet) -> str:
    """Return the name of the task over whose labels splits and limits are spread."""
    children = [task.name for task in label_set.tasks if task.parent]
    return recipe.stratify_by or next(iter(children), label_set.tasks[0].name)


def _source_complaints(recipe: DataRecipe) -> Iterator[str]:
    if not recipe.sources:
        yield "it has no sources"
    for name, source in recipe.sources.items():
        if min(source.limit, source.rows) < 0:
            yield f"sources.{name}: limit and rows must be 0 or more"
        weights = source.forms.values()
        if min(weights, default=0) < 0 or (weights and not any(weights)):
            yield f"sources.{name}.forms: no weight may be below 0, and one must be above"
        shares = recipe.shares(source)
        if min(shares) < 0 or sum(shares) >= 1:
            yield f"sources.{name}: the shares for test and validation must leave some to train on"


def _complaints(recipe: DataRecipe, label_set: LabelSet) -> Iterator[str]:
    if recipe.stratify_by and recipe.stratify_by not in {task.name for task in label_set.tasks}:
        yield f"stratify_by: the label set has no task {recipe.stratify_by!r}"
    wanted = recipe.composition
    for name in wanted.sources:
        if name not in recipe.sources:
            yield f"composition.sources: there is no source {name!r}"
    labels = {name for task in label_set.tasks for name in task.names}
    for name in wanted.without:
        if name not in labels:
            yield f"composition.without: the label set has no label {name!r}"
    if min(wanted.train, wanted.validation, wanted.test, wanted.exchanges) < 0:
        yield "composition: counts must be 0 or more"
    shares: Mapping[str, float] = {
        "near_copy": recipe.near_copy,
        "composition.opening_share": wanted.opening_share,
        "composition.closing_share": wanted.closing_share,
        "composition.fillers_share": wanted.fillers_share,
        "composition.noise.share": wanted.noise.share,
        "composition.noise.drop": wanted.noise.drop,
        "composition.noise.replace": wanted.noise.replace,
        "composition.noise.cut": wanted.noise.cut,
    }
    for name, share in shares.items():
        if not 0 <= share <= 1:
            yield f"{name} must lie in [0, 1]"

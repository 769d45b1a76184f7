"""The reader of generated helpline calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.classification.corpus.rows import Row
from training.classification.narratives.generator import generate
from training.classification.sources.labels import named_labels
from training.classification.sources.protocol import Found

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.classification.sources.protocol import Reading

_SUB_CATEGORY, _PRIORITY, _INTERVENTION = "sub_category", "priority", "intervention"


def read_narratives(reading: Reading) -> Iterator[Found]:
    """Yield generated calls, each in the split that its phrasings belong to.

    Raises:
        RecipeError: Nothing is written for a sub-category of the label set.
    """
    mains = {label.name: label.parent for label in reading.label_set.task(_SUB_CATEGORY).labels}
    source = reading.source
    for each in generate(mains, source.rows, reading.seed, source.forms):
        given = {
            _SUB_CATEGORY: each.sub_category,
            _PRIORITY: each.priority,
            _INTERVENTION: each.intervention,
        }
        row = Row(
            id=f"{reading.name}/{each.id}",
            source=reading.name,
            group=f"{reading.name}/{each.family}",
            turns=each.turns,
            labels=named_labels(reading.label_set, given, f"the narrative {each.family}"),
            is_synthetic=True,
            provenance=each.provenance,
        )
        yield Found(row, each.split)

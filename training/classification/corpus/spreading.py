"""Some rows of many, spread evenly over the labels of a task."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from training.core.sampling import fill_quotas

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from training.classification.corpus.rows import Row


def spread_over_labels(
    rows: Sequence[Row], count: int, task: str, draw: random.Random
) -> list[Row]:
    """Return up to ``count`` rows in their order, as many as possible of each label alike."""
    by_label: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        by_label[" + ".join(row.labels.get(task, ()))].append(index)
    sizes = {label: len(indexes) for label, indexes in by_label.items()}
    quotas = fill_quotas(count, dict.fromkeys(sizes, 1.0), sizes)
    chosen = {
        index for label, quota in quotas.items() for index in draw.sample(by_label[label], quota)
    }
    return [row for index, row in enumerate(rows) if index in chosen]

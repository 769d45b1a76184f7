"""Whether what is measured is what calls get."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.classification.classifier import Classifier, Passage
from models.classification.decoding import ReadLogits, aggregated, decide, probabilities_of
from training.classification.evaluation.measured import exported_model
from training.classification.evaluation.scoring import score_calls
from training.classification.learning.inputs import tokenized

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from training.classification.corpus.rows import Row


def check_measured_as_live(manifest: Path, rows: Sequence[Row]) -> list[list[ReadLogits]]:
    """Assert that a classifier gives rows the labels and probabilities of the evaluation.

    Args:
        manifest: Of an exported model with the tasks ``main`` and ``sub``.
        rows: To read.

    Returns:
        What the evaluation read of each row.
    """
    model, calibration = exported_model(manifest)
    calls = score_calls(
        model.scorer,
        tokenized(rows, model.tokenizer, model.label_set),
        calibration.all_readings(model.windows.max_tokens),
        model.windows.special.around,
    )
    logits = aggregated(calls, model.tasks, calibration.aggregation)
    measured = decide(
        probabilities_of(logits, model.tasks, calibration.temperatures), model.label_set, {}
    )

    classifier = Classifier.load(manifest)
    live = classifier.classify(
        [[Passage(turn.text, turn.party) for turn in row.turns] for row in rows]
    )

    for task in ("main", "sub"):
        names = model.label_set.task(task).names
        given = [
            next(each for each in one.answers if each.task == task).labels[0].label for one in live
        ]
        assert given == [names[index] for index in measured.best[task]]
        for row, one in enumerate(live):
            assert np.allclose(one.probabilities[task], measured.probabilities[task][row])
    return calls

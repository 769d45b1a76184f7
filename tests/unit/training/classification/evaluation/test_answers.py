from __future__ import annotations

import numpy as np

from models.classification.rules import Raised
from training.classification.evaluation.answers import TaskAnswers, with_rules
from training.classification.evaluation.measures import Answers

LOW, MEDIUM, HIGH = range(3)


def priority(given: list[int], has: list[int]) -> TaskAnswers:
    each = np.eye(3, dtype=bool)
    answers = Answers(each[given], each[has], np.arange(len(given)))
    return TaskAnswers(np.array([0, 2, 3]), answers, np.full((3, 3), 1 / 3), is_multi=False)


def test_rules_raise_an_answer_and_never_lower_it() -> None:
    """Rows without labels for the task are skipped: rules are those of all calls."""
    raised = [
        {"priority": Raised(HIGH, "danger", (0,))},
        {"priority": Raised(HIGH, "danger", (0,))},
        {"priority": Raised(MEDIUM, "worry", (0,))},
        {},
    ]
    found = priority(given=[LOW, HIGH, MEDIUM], has=[HIGH, HIGH, LOW])

    ruled = with_rules({"priority": found}, raised)["priority"]

    assert ruled.answers.given.argmax(axis=1).tolist() == [HIGH, HIGH, MEDIUM]
    assert found.answers.given.argmax(axis=1).tolist() == [LOW, HIGH, MEDIUM]
    assert ruled.certainty()[1].tolist() == [True, True, False]

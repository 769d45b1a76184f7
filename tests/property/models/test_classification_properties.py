"""What holds of every answer: labels that agree, and a floor that never lowers."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.classification.classifier import Classification, Classifier, classify_by_rules
from models.classification.decoding import columns_of, decide, probabilities_of
from models.classification.label_set import LabelSet, bundled_label_sets, load_label_set
from tests.support.classification.tiny_classifier import LABEL_SET, said, write_classifier

WITHOUT_FLOOR = (
    LABEL_SET[: LABEL_SET.index("[[floor]]")] + LABEL_SET[LABEL_SET.index("[[abstentions]]") :]
)
PHRASES = ("i need you now", "he has a knife", "in the film", "seven", "monday", "wrong number")
turns = st.lists(
    st.lists(st.sampled_from([*PHRASES, "phone", "um", "please"]), max_size=5).map(" ".join),
    min_size=1,
    max_size=6,
)


@cache
def _classifier(label_set: str) -> Classifier:
    return Classifier.load(write_classifier(Path(mkdtemp()), label_set=label_set))


def _priority(found: Classification) -> int:
    """Return how high the priority of an answer is; -1 where it has none."""
    given = [each.labels[0].label for each in found.answers if each.task == "priority"]
    return ("Low", "High").index(given[0]) if given else -1


def _rules(found: Classification) -> list[str]:
    return [each.raised_by for each in found.answers if each.raised_by]


@given(call=turns)
@settings(max_examples=60)
def test_the_floor_never_lowers_and_says_what_it_says_without_a_model(call: list[str]) -> None:
    classifier = _classifier(LABEL_SET)
    (raised,) = classifier.classify([said(*call)])
    (plain,) = _classifier(WITHOUT_FLOOR).classify([said(*call)])
    rules = classify_by_rules(classifier.label_set, said(*call), "no_model")

    assert _priority(raised) >= max(_priority(plain), _priority(rules))
    assert _rules(raised) == _rules(rules)


@given(
    label_set=st.sampled_from([load_label_set(name) for name in bundled_label_sets()]),
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from((0.0, 0.5, 5.0, 60.0, 1e4)),
    temperature=st.floats(0.3, 4.0),
)
@settings(max_examples=60)
def test_a_label_and_its_parents_are_one_pair_whatever_the_logits(
    label_set: LabelSet, seed: int, scale: float, temperature: float
) -> None:
    columns = columns_of(label_set)
    logits = scale * np.random.default_rng(seed).standard_normal((4, columns[-1].stop))
    temperatures = {task.name: temperature for task in columns}

    decided = decide(probabilities_of(logits, columns, temperatures), label_set, {})

    for task in label_set.tasks:
        own = decided.probabilities[task.name]
        assert np.isfinite(own).all()
        assert ((own >= 0) & (own <= 1 + 1e-9)).all()
        if task.mode == "single":
            assert np.allclose(own.sum(axis=1), 1.0)
        if not task.parent:
            continue
        parents = np.array(label_set.parents(task))
        best = decided.best[task.name]
        rows = np.arange(len(best))
        above = decided.probabilities[task.parent]
        assert (decided.best[task.parent] == parents[best]).all()
        assert (own[rows, best] == own.max(axis=1)).all()
        assert (above[rows, parents[best]] >= own[rows, best] - 1e-9).all()

from __future__ import annotations

import numpy as np
import pytest

from training.text.losses import best_temperature, cross_entropy
from training.turns.evaluation.measures import (
    complete_probabilities,
    score_probabilities,
)

_PROBABILITIES = np.array([0.9, 0.8, 0.4, 0.7, 0.2, 0.1])
_LABELS = (1, 1, 1, 0, 0, 0)
_SOURCES = ("a", "b", "b", "a", "a", "b")


def test_the_counts_are_those_of_the_table() -> None:
    """One interrupted, one waited for, of six."""
    measured = score_probabilities(
        ("model", "set"), _PROBABILITIES, _LABELS, sources=_SOURCES, threshold=0.5
    )

    assert (measured.false_interrupts, measured.false_waits) == (1, 1)
    assert (measured.complete, measured.incomplete) == (3, 3)
    assert measured.accuracy == pytest.approx(4 / 6, abs=1e-5)
    assert measured.precision == measured.recall == pytest.approx(2 / 3, abs=1e-5)
    assert measured.auc == pytest.approx(8 / 9, abs=1e-5)
    assert measured.sources["a"].examples == 3
    assert measured.sources["a"].accuracy == pytest.approx(2 / 3, abs=1e-5)


def test_a_higher_threshold_waits_more_and_interrupts_less() -> None:
    """Both shares are monotone, and at the model's own threshold they are its counts."""
    measured = score_probabilities(
        ("model", "set"), _PROBABILITIES, _LABELS, sources=_SOURCES, threshold=0.5
    )

    waits = [one.waits for one in measured.operations]
    interrupts = [one.interrupts for one in measured.operations]
    own = next(one for one in measured.operations if one.threshold == 0.5)
    assert waits == sorted(waits)
    assert interrupts == sorted(interrupts, reverse=True)
    assert own.interrupts == own.waits == pytest.approx(1 / 3, abs=1e-5)


def test_honest_probabilities_have_no_calibration_error() -> None:
    """Four fifths of those given 0.8 are complete; a sure model that errs is found out."""
    honest, sure = np.full(100, 0.8), np.full(100, 0.999)
    labels = [1] * 80 + [0] * 20

    errors = [
        score_probabilities(
            ("m", "s"), given, labels, sources=["a"] * 100, threshold=0.5
        ).calibration_error
        for given in (honest, sure)
    ]

    assert errors == pytest.approx([0.0, 0.199], abs=1e-3)


def test_one_label_alone_has_no_auc() -> None:
    """And nothing is divided by nothing."""
    measured = score_probabilities(("m", "s"), np.array([0.9]), [1], sources=["a"], threshold=0.5)

    assert measured.auc is None
    assert measured.accuracy == 1.0


def test_logits_far_apart_give_a_probability() -> None:
    """Of a model that is sure either way, and of one that is not."""
    logits = np.array([[0.0, 30.0], [30.0, 0.0], [2.0, 2.0]])

    probabilities = complete_probabilities(logits)

    assert probabilities == pytest.approx([1.0, 0.0, 0.5], abs=1e-9)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_of_too_sure_logits_is_found(temperature: float) -> None:
    """Labels drawn from honest probabilities, logits made too hot or too cold."""
    draw = np.random.default_rng(1)
    honest = draw.normal(0.0, 2.0, 20_000)
    labels = (draw.random(20_000) < 1 / (1 + np.exp(-honest))).astype(int)
    logits = np.stack([np.zeros_like(honest), honest * temperature], axis=1)

    found = best_temperature(logits, labels)

    assert found == pytest.approx(temperature, rel=0.05)
    assert cross_entropy(logits / found, labels) <= cross_entropy(logits, labels)

"""The curve that tells hypotheses of speech from those of other sound."""

import math

import numpy as np

from models.asr.core.confidence import IDENTITY, calibrated_no_speech
from models.asr.core.hypothesis import Hypothesis
from training.asr.evaluation.speech_presence import (
    MIN_SILENT,
    check_speech_curve,
    fit_speech_curve,
)


def drawn(count: int, *, no_speech: float, log_probability: float) -> list[Hypothesis]:
    """Return hypotheses around these values."""
    random = np.random.default_rng(count)
    odds = math.log(no_speech / (1 - no_speech)) + random.standard_normal(count)
    return [
        Hypothesis(
            no_speech_probability=float(1 / (1 + np.exp(-each))),
            avg_log_probability=float(log_probability + 0.3 * random.standard_normal()),
        )
        for each in odds
    ]


SPOKEN = drawn(900, no_speech=0.005, log_probability=-0.4)
SILENT = drawn(60, no_speech=0.1, log_probability=-1.8)


def test_weights_that_are_never_sure_of_silence_get_a_curve_that_is() -> None:
    """The network gives 0.1 at most sounds without words; the guards ask for more than 0.5."""
    curve = fit_speech_curve(SPOKEN, SILENT)

    assert calibrated_no_speech(0.1, curve, -1.8) > 0.9
    assert calibrated_no_speech(0.005, curve, -0.4) < 0.1


def test_improbable_words_make_speech_less_likely() -> None:
    curve = fit_speech_curve(SPOKEN, SILENT)

    probable, improbable = (calibrated_no_speech(0.03, curve, nats) for nats in (-0.3, -1.8))

    assert probable < 0.5 < improbable


def test_the_check_says_how_many_of_each_sort_are_known() -> None:
    curve = fit_speech_curve(SPOKEN, SILENT)

    found = check_speech_curve(curve, SPOKEN, SILENT)
    without = check_speech_curve(IDENTITY, SPOKEN, SILENT)

    assert found.speech > 0.97
    assert found.silent > 0.97
    assert found.silent_count == len(SILENT)
    assert without.silent < 0.2


def test_too_few_words_without_speech_give_no_curve() -> None:
    """Weights that write nothing there need none."""
    assert fit_speech_curve(SPOKEN, SILENT[: MIN_SILENT - 1]) == IDENTITY
    assert math.isnan(check_speech_curve(IDENTITY, SPOKEN, []).silent)


def test_a_curve_that_was_not_fitted_changes_no_bit() -> None:
    assert calibrated_no_speech(0.0, IDENTITY, -1.0) == 0.0
    assert calibrated_no_speech(0.123, IDENTITY, -1.0) == 0.123

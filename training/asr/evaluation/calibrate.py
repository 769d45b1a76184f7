"""The calibration of weights, on speech that they never heard, for their manifest.

Confidences as probabilities, a constant shift of the word times, and how much audio must follow a
word before a partial commits it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from models.asr.checkpoints.weights import SpeechWeights
from models.asr.core.confidence import IDENTITY, ConfidenceCurve
from models.asr.core.policy import DEFAULT_POLICY, PolicyConfig
from models.asr.core.requests import SpeechEngine
from training.asr.evaluation.confidence import curve_error, fit_curve, heard_words
from training.asr.evaluation.decoding import decode_all, decode_silent
from training.asr.evaluation.policy_trials import PolicyTrial, choose_guard, try_policies
from training.asr.evaluation.speech_presence import (
    SpeechCheck,
    check_speech_curve,
    fit_speech_curve,
)
from training.asr.evaluation.word_times import WordTimeError, word_time_error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from models.asr.core.hypothesis import Hypothesis
    from training.asr.evaluation.decoding import Decoded
    from training.asr.speech.non_speech import NonSpeechClip
    from training.asr.speech.utterances import Recording


class Calibration(msgspec.Struct, frozen=True):
    """Fields of a manifest, and the figures they rest on.

    Attributes:
        confidence: Fitted on the first set.
        speech: Fitted on the first set, and on every other stretch of sound without words.
        policy: The guard that keeps as many committed words as local agreement does.
        word_shift_ms: What to add to the engine's word times, over what it adds already.
        error_before: Expected calibration error of the network's own probabilities on the second
            set, 0 to 1.
        error_after: With ``confidence``.
        fit_words: Words of the first set.
        check_words: Words of the second set.
        speech_check: Of ``speech``, on the second set and the other stretches.
        times: On the third set.
        trials: Each policy's committed words and delay, on the third set.
    """

    confidence: ConfidenceCurve
    speech: ConfidenceCurve
    policy: PolicyConfig
    word_shift_ms: int
    error_before: float
    error_after: float
    fit_words: int
    check_words: int
    speech_check: SpeechCheck
    times: WordTimeError | None
    trials: tuple[PolicyTrial, ...]

    @property
    def manifest_fields(self) -> dict[str, object]:
        """Return what to write into the weights' manifest."""
        fields: dict[str, object] = msgspec.to_builtins(
            {
                "confidence": self.confidence,
                "speech": self.speech,
                "policy": self.policy,
                "word_shift_ms": self.word_shift_ms,
            }
        )
        return fields


def uncalibrated(weights: SpeechWeights) -> SpeechWeights:
    """Return weights without the calibration in their manifest: a new one takes its place."""
    manifest = msgspec.structs.replace(
        weights.manifest,
        confidence=IDENTITY,
        speech=IDENTITY,
        policy=DEFAULT_POLICY,
        word_shift_ms=0,
    )
    return SpeechWeights(weights.source, manifest)


class Unheard(NamedTuple):
    """What a calibration listens to: nothing of it was ever heard in training.

    Attributes:
        fit: Recordings at 8 kHz for the curves.
        check: Others, for their errors.
        timed: Recordings whose word times are known, for the shift and the guard.
        silent: Short sound without words.
    """

    fit: Iterable[Recording]
    check: Iterable[Recording]
    timed: Iterable[Recording]
    silent: Iterable[NonSpeechClip]


def calibrate(engine: SpeechEngine, unheard: Unheard) -> Calibration:
    """Return the calibration of an engine's weights.

    Args:
        engine: Of `uncalibrated` weights: the result would come on top of a calibration.
        unheard: By them.
    """
    fit, check = (list(decode_all(engine, each)) for each in (unheard.fit, unheard.check))
    fitted, checked = ([word for one in each for word in heard_words(one)] for each in (fit, check))
    silent = decode_silent(engine, unheard.silent)
    speech = fit_speech_curve(_hypotheses(fit), silent[::2])
    decoded = list(decode_all(engine, unheard.timed, with_partials=True))
    curve = fit_curve(fitted)
    times = word_time_error(decoded)
    trials = try_policies([updates for one in decoded for updates in one.growing])
    return Calibration(
        confidence=curve,
        speech=speech,
        policy=choose_guard(trials),
        word_shift_ms=-round(times.bias_ms) if times else 0,
        error_before=round(curve_error(checked, IDENTITY), 4),
        error_after=round(curve_error(checked, curve), 4),
        fit_words=len(fitted),
        check_words=len(checked),
        speech_check=check_speech_curve(speech, _hypotheses(check), silent[1::2]),
        times=times,
        trials=trials,
    )


def _hypotheses(decoded: Iterable[Decoded]) -> list[Hypothesis]:
    return [hypothesis for one in decoded for _, hypothesis in one.pieces]

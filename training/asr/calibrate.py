"""What a manifest says of its weights beyond the file: measured on speech that they never heard.

Confidences that mean what they say, a constant shift of the word times, and how much audio must
follow a word before a partial commits it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import jiwer
import msgspec
import numpy as np
import soxr

from models.asr.confidence import IDENTITY, ConfidenceCurve, logit
from models.asr.engine import SpeechEngine, SpeechRequest, load_engine
from models.asr.hypothesis import Hypothesis, Word
from models.asr.policies import PolicyConfig
from models.audio.samples import SAMPLE_RATE_HZ
from training.asr.held_out import telephone_line
from training.asr.policy_trials import PolicyTrial, choose_guard, try_policies
from training.asr.utterances import Recording, SpeechPool

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from models.audio.samples import FloatArray

ECE_BINS = 10
NEWTON_STEPS = 30
RIDGE = 1e-3  # keeps the regression finite where a line parts right from wrong
MIN_SLOPE = 1e-3
PARTIAL_INTERVAL_MS = 500
_CUT_WINDOW_MS, _FRAME_MS = 2_000, 20
_SOURCE_RATE_HZ = 8_000


class Outcome(NamedTuple):
    """A heard word's confidence, its utterance's mean log-probability, whether it is right."""

    confidence: float
    avg_log_probability: float
    is_right: bool


class WordTimeError(msgspec.Struct, frozen=True):
    """Errors of word starts and ends against the synthesiser's own times.

    Attributes:
        words: Right words whose times are known.
        start_ms: Median of the absolute error of their starts; ``end_ms`` of their ends.
        start_p90_ms: Nine of ten are no further off; ``end_p90_ms`` likewise.
        bias_ms: Median of the signed error of the edges inside an utterance.
    """

    words: int
    start_ms: float
    end_ms: float
    start_p90_ms: float
    end_p90_ms: float
    bias_ms: float


class Calibration(msgspec.Struct, frozen=True):
    """Fields of a manifest, and the figures they rest on.

    Attributes:
        confidence: Fitted on the one set.
        policy: The guard that keeps as many committed words as local agreement does.
        word_shift_ms: What to add to the engine's word times, over what it adds already.
        error_before: Expected calibration error on the other set, 0 to 1.
        error_after: With ``confidence``.
        fit_words: Words of the one set.
        check_words: Words of the other.
        times: On the other set.
        trials: Each policy's committed words and delay, on the other set.
    """

    confidence: ConfidenceCurve
    policy: PolicyConfig
    word_shift_ms: int
    error_before: float
    error_after: float
    fit_words: int
    check_words: int
    times: WordTimeError | None
    trials: tuple[PolicyTrial, ...]

    @property
    def manifest_fields(self) -> dict[str, object]:
        """Return what to write into the weights' manifest."""
        fields: dict[str, object] = msgspec.to_builtins(
            {
                "confidence": self.confidence,
                "policy": self.policy,
                "word_shift_ms": self.word_shift_ms,
            }
        )
        return fields


class Decoded(msgspec.Struct, frozen=True):
    """A recording's reference and what was heard in each of its pieces.

    Attributes:
        words: What was said.
        spans_ms: When, if the synthesiser told.
        pieces: Start of each piece in the recording (ms) and its hypothesis.
        growing: For each piece the hypotheses of its beginnings, every 500 ms, the whole last.
    """

    words: tuple[str, ...]
    spans_ms: tuple[tuple[int, int], ...]
    pieces: tuple[tuple[int, Hypothesis], ...]
    growing: tuple[tuple[Hypothesis, ...], ...] = ()

    @property
    def heard(self) -> tuple[Word, ...]:
        """Return the words heard, on the recording's clock."""
        return tuple(
            msgspec.structs.replace(
                word, start_ms=word.start_ms + start_ms, end_ms=word.end_ms + start_ms
            )
            for start_ms, hypothesis in self.pieces
            for word in hypothesis.words
        )


def calibrate(
    engine: SpeechEngine, fit: Iterable[Recording], check: Iterable[Recording]
) -> Calibration:
    """Return the calibration of an engine's weights.

    Args:
        engine: Its manifest should carry no calibration yet, or what comes out adds to it.
        fit: Recordings at 8 kHz that the weights never heard, for the curve.
        check: Others, for the figures, the shift and the guard.
    """
    fitted = [outcome for one in decode_all(engine, fit) for outcome in outcomes(one)]
    decoded = list(decode_all(engine, check, with_partials=True))
    checked = [outcome for one in decoded for outcome in outcomes(one)]
    curve = fit_curve(fitted)
    times = word_time_error(decoded)
    trials = try_policies([updates for one in decoded for updates in one.growing])
    return Calibration(
        confidence=curve,
        policy=choose_guard(trials),
        word_shift_ms=-round(times.bias_ms) if times else 0,
        error_before=round(calibration_error(checked, IDENTITY), 4),
        error_after=round(calibration_error(checked, curve), 4),
        fit_words=len(fitted),
        check_words=len(checked),
        times=times,
        trials=trials,
    )


def calibrate_weights(model: str, fit: Sequence[Path], check: Sequence[Path]) -> Calibration:
    """Return the calibration of weights on folders of shards, as training keeps them.

    Args:
        model: See `load_engine`; without ``confidence`` and ``word_shift_ms`` in its manifest.
        fit: Folders for the curve: synthetic and real speech together fit both.
        check: Folders for the figures, the shift and the guard.
    """
    pools = (SpeechPool(list(folders)) for folders in (fit, check))
    return calibrate(load_engine(model), *(_recordings(pool) for pool in pools))


def _recordings(pool: SpeechPool) -> Iterator[Recording]:
    for index, utterance in enumerate(pool.utterances):
        yield Recording(utterance, pool.samples(index))


def decode_all(
    engine: SpeechEngine, recordings: Iterable[Recording], *, with_partials: bool = False
) -> Iterable[Decoded]:
    """Yield what the engine hears in each recording over a telephone line.

    Args:
        engine: To calibrate.
        recordings: Mono at 8 kHz.
        with_partials: Decode the beginnings of each piece too, as the live path does.
    """
    longest_ms = engine.max_segment_ms or engine.max_samples * 1000 // SAMPLE_RATE_HZ
    for number, recording in enumerate(recordings):
        line = telephone_line(recording.samples, seed=number)
        samples = np.asarray(
            soxr.resample(line, _SOURCE_RATE_HZ, SAMPLE_RATE_HZ, "HQ"), dtype=np.float32
        )
        pieces, growing = [], []
        for start, end in pairwise(cuts(samples, longest_ms)):
            piece = np.ascontiguousarray(samples[start:end])
            updates = _beginnings(engine, piece) if with_partials else ()
            final = _decode(engine, piece)
            pieces.append((start * 1000 // SAMPLE_RATE_HZ, final))
            growing.append((*updates, final))
        utterance = recording.utterance
        yield Decoded(utterance.words, utterance.word_spans_ms, tuple(pieces), tuple(growing))


def _beginnings(engine: SpeechEngine, piece: FloatArray) -> tuple[Hypothesis, ...]:
    step = SAMPLE_RATE_HZ * PARTIAL_INTERVAL_MS // 1000
    return tuple(_decode(engine, piece[:end]) for end in range(step, len(piece), step))


def _decode(engine: SpeechEngine, samples: FloatArray) -> Hypothesis:
    (hypothesis,) = engine.transcribe_batch([SpeechRequest(np.ascontiguousarray(samples))])
    return hypothesis


def cuts(samples: FloatArray, longest_ms: int) -> list[int]:
    """Return where to cut audio so that no piece is too long: ends included, at quiet places."""
    longest, window = (SAMPLE_RATE_HZ * ms // 1000 for ms in (longest_ms, _CUT_WINDOW_MS))
    frame = SAMPLE_RATE_HZ * _FRAME_MS // 1000
    places = [0]
    while len(samples) - places[-1] > longest:
        first = places[-1] + longest - window
        recent = samples[first : first + window]
        blocks = recent[: len(recent) // frame * frame].reshape(-1, frame)
        quietest = int(np.square(blocks).sum(axis=1).argmin())
        places.append(first + quietest * frame + frame // 2)
    return [*places, len(samples)]


def outcomes(decoded: Decoded) -> list[Outcome]:
    """Return what each heard word was given and whether it is right, by the least edits."""
    right = {heard for heard, _ in matched_words(decoded)}
    given = [
        (word.confidence, hypothesis.avg_log_probability)
        for _, hypothesis in decoded.pieces
        for word in hypothesis.words
    ]
    return [Outcome(*one, n in right) for n, one in enumerate(given)]


def matched_words(decoded: Decoded) -> list[tuple[int, int]]:
    """Return the places, heard and said, of the words that are right."""
    heard = decoded.heard
    if not heard or not decoded.words:
        return []
    said, spelled = " ".join(decoded.words), " ".join(word.text for word in heard)
    (chunks,) = jiwer.process_words([said], [spelled]).alignments
    return [
        (chunk.hyp_start_idx + n, chunk.ref_start_idx + n)
        for chunk in chunks
        if chunk.type == "equal"
        for n in range(chunk.ref_end_idx - chunk.ref_start_idx)
    ]


def fit_curve(fitted: Sequence[Outcome]) -> ConfidenceCurve:
    """Return the curve of greatest likelihood, with Platt's targets against too sure a fit.

    Raises:
        ValueError: No word right or none wrong: nothing to fit.
    """
    is_right = np.array([outcome.is_right for outcome in fitted], dtype=bool)
    right, wrong = int(is_right.sum()), int((~is_right).sum())
    if not right or not wrong:
        raise ValueError("a curve needs words that are right and words that are wrong")
    targets = np.where(is_right, (right + 1) / (right + 2), 1 / (wrong + 2))
    inputs = np.array([(logit(one.confidence), one.avg_log_probability, 1.0) for one in fitted])
    slope, utterance_slope, intercept = _logistic(inputs, targets)
    if utterance_slope < 0:
        slope, intercept = _logistic(inputs[:, [0, 2]], targets)
        utterance_slope = 0.0
    return ConfidenceCurve(
        slope=max(slope, MIN_SLOPE), intercept=intercept, utterance_slope=utterance_slope
    )


def _logistic(inputs: NDArray[np.float64], targets: NDArray[np.float64]) -> list[float]:
    """Return the weights of a logistic regression, by Newton's method."""
    weights = np.zeros(inputs.shape[1])
    weights[0] = 1.0
    for _ in range(NEWTON_STEPS):
        probabilities = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        curvature = probabilities * (1 - probabilities)
        hessian = (inputs * curvature[:, None]).T @ inputs + RIDGE * np.eye(len(weights))
        gradient = inputs.T @ (probabilities - targets) + RIDGE * weights
        weights -= np.linalg.solve(hessian, gradient)
    return [round(float(weight), 4) for weight in weights]


def calibration_error(checked: Sequence[Outcome], curve: ConfidenceCurve) -> float:
    """Return the expected calibration error, 0 to 1, over ten bins of equal width."""
    confidences = np.array([curve(one.confidence, one.avg_log_probability) for one in checked])
    is_right = np.array([one.is_right for one in checked], dtype=float)
    bins = np.minimum((confidences * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = [
        abs(float((confidences[bins == n] - is_right[bins == n]).sum())) for n in range(ECE_BINS)
    ]
    return sum(gaps) / max(len(checked), 1)


def word_time_error(decoded: Sequence[Decoded]) -> WordTimeError | None:
    """Return how far word times are off; None if no times are known."""
    starts, ends, inner = [], [], []
    for one in decoded:
        if not one.spans_ms:
            continue
        heard = one.heard
        for place, said in matched_words(one):
            starts.append(heard[place].start_ms - one.spans_ms[said][0])
            ends.append(heard[place].end_ms - one.spans_ms[said][1])
            inner += [starts[-1]] if said else []
            inner += [ends[-1]] if said < len(one.words) - 1 else []
    if not inner:
        return None
    return WordTimeError(
        words=len(starts),
        start_ms=float(np.median(np.abs(starts))),
        end_ms=float(np.median(np.abs(ends))),
        start_p90_ms=float(np.quantile(np.abs(starts), 0.9)),
        end_p90_ms=float(np.quantile(np.abs(ends), 0.9)),
        bias_ms=float(np.median(inner)),
    )

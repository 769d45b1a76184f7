"""What is measured of weights ends up in their manifest."""

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from models.asr.checkpoints.weights import SpeechManifest, find_weights
from models.asr.core.confidence import IDENTITY, ConfidenceCurve
from models.asr.core.hypothesis import Hypothesis, Word
from models.asr.core.policy import DEFAULT_POLICY
from models.asr.core.requests import BEAM_SIZE, DEFAULT_OPTIONS, DecodeOptions, SpeechRequest
from models.audio.samples import FloatArray
from tests.support.models.micro import MICRO
from training.asr.evaluation.calibrate import Calibration, Unheard, calibrate, uncalibrated
from training.asr.evaluation.confidence import HeardWord, curve_error, fit_curve
from training.asr.evaluation.decoding import cuts
from training.asr.evaluation.policy_trials import choose_guard, try_policies
from training.asr.speech.non_speech import loudest_stretches, non_speech_clips
from training.asr.speech.utterances import Recording, Utterance

WORD_MS = 250
SAID = tuple(f"w{n}" for n in range(8))


class EarlyEngine:
    """Hears the words of ``SAID`` 50 ms too early; the last of a beginning is a guess."""

    name = "early-1"
    max_samples = 160_000
    max_segment_ms = 0

    def transcribe(
        self, samples: FloatArray, options: DecodeOptions = DEFAULT_OPTIONS
    ) -> Hypothesis:
        """Return a word for each 250 ms, sure of the odd ones only."""
        duration_ms = len(samples) // 16
        spelled = list(SAID[: duration_ms // WORD_MS])
        if spelled and duration_ms < WORD_MS * len(SAID):
            spelled[-1] = "guess"
        words = tuple(
            Word(
                text=text if n % 3 else "wrong",
                start_ms=max(n * WORD_MS - 50, 0),
                end_ms=(n + 1) * WORD_MS - 50,
                confidence=0.9 if n % 2 else 0.6,
            )
            for n, text in enumerate(spelled)
        )
        return Hypothesis(
            text=" ".join(word.text for word in words),
            words=words,
            duration_ms=duration_ms,
            avg_log_probability=-0.5,
            language=options.language or "en",
        )

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []  # samples and size of the beam

    def transcribe_batch(self, requests: Sequence[SpeechRequest]) -> list[Hypothesis]:
        """Return each alone."""
        self.asked += [(len(one.samples), one.options.beam_size) for one in requests]
        return [self.transcribe(request.samples, request.options) for request in requests]


def recording() -> Recording:
    length = 8 * WORD_MS * len(SAID)
    spans = tuple((n * WORD_MS, (n + 1) * WORD_MS) for n in range(len(SAID)))
    utterance = Utterance("espeak", "en", SAID, length, word_spans_ms=spans)
    noise = np.random.default_rng(1).standard_normal(length)
    return Recording(utterance, (0.1 * noise).astype(np.float32))


def calibration_of(engine: EarlyEngine) -> Calibration:
    clips = loudest_stretches(non_speech_clips(minutes=0.5))
    return calibrate(engine, Unheard([recording()], [recording()], [recording()], clips))


def drawn(curve: ConfidenceCurve, count: int) -> list[HeardWord]:
    """Return words that are right as often as the curve says."""
    random = np.random.default_rng(3)
    given = zip(random.uniform(0.05, 0.99, count), random.uniform(-2, 0, count), strict=True)
    return [HeardWord(p, nats, bool(random.random() < curve(p, nats))) for p, nats in given]


def test_weights_are_calibrated_again_without_their_calibration() -> None:
    """Another curve on top of the present one would not be that of the network."""
    weights = find_weights(MICRO)

    found = uncalibrated(weights)

    assert weights.manifest.confidence != IDENTITY
    assert weights.manifest.word_shift_ms != 0
    assert (found.manifest.confidence, found.manifest.word_shift_ms) == (IDENTITY, 0)
    assert (found.source, found.manifest.sha256) == (weights.source, weights.manifest.sha256)


def test_a_calibration_finds_the_shift_and_says_what_it_rests_on() -> None:
    calibration = calibration_of(EarlyEngine())

    assert calibration.word_shift_ms == 50
    assert calibration.times is not None
    assert calibration.times.end_ms == 50
    assert calibration.times.words == 5
    assert calibration.fit_words == calibration.check_words == 8
    assert len(calibration.trials) > 2


def test_beginnings_are_decoded_as_partials_are_and_pieces_as_finals() -> None:
    engine = EarlyEngine()

    calibration_of(engine)

    longest = max(samples for samples, _ in engine.asked)
    assert {size for samples, size in engine.asked if samples < longest} == {1}
    assert {size for samples, size in engine.asked if samples == longest} == {BEAM_SIZE}


def test_what_is_found_fits_into_the_manifest() -> None:
    calibration = calibration_of(EarlyEngine())
    manifest = {"name": "a", "format": "f", "file": "w.pt", "sha256": "0"}

    read = msgspec.convert(manifest | calibration.manifest_fields, SpeechManifest)

    assert read.word_shift_ms == 50
    assert read.policy == calibration.policy
    assert read.confidence == calibration.confidence


def test_the_curve_behind_the_words_is_found_and_lowers_the_error() -> None:
    truth = ConfidenceCurve(slope=0.6, intercept=-0.5, utterance_slope=1.2)
    curve = fit_curve(drawn(truth, 8_000))
    checked = drawn(truth, 4_000)

    assert curve.slope == pytest.approx(0.6, abs=0.1)
    assert curve.intercept == pytest.approx(-0.5, abs=0.15)
    assert curve.utterance_slope == pytest.approx(1.2, abs=0.15)
    assert curve_error(checked, curve) < curve_error(checked, IDENTITY) / 4


def test_many_sure_words_that_are_wrong_do_not_throw_the_curve_off() -> None:
    """A loop is sure of each of its words."""
    truth = ConfidenceCurve(slope=0.6, intercept=-0.5, utterance_slope=1.2)
    loops = [HeardWord(0.9999, -0.05, is_right=False)] * 3_000

    curve = fit_curve(drawn(truth, 4_000) + loops)

    assert curve.slope < 2
    assert abs(curve.intercept) < 5


def test_a_harder_utterance_never_makes_a_word_surer() -> None:
    as_given = drawn(ConfidenceCurve(), 2_000)
    turned = [HeardWord(p, -2.0 if right else -0.1, right) for p, _, right in as_given]

    assert fit_curve(turned).utterance_slope == 0.0


def test_the_calibration_error_is_the_mean_gap() -> None:
    half_right = [HeardWord(0.75, 0.0, n % 2 == 0) for n in range(10)]

    assert curve_error(half_right, IDENTITY) == pytest.approx(0.25)


@pytest.mark.parametrize("is_right", [True, False])
def test_nothing_can_be_fitted_to_words_that_are_all_alike(is_right: bool) -> None:
    with pytest.raises(ValueError, match="words that are right and words that are wrong"):
        fit_curve([HeardWord(0.5, -1.0, is_right)] * 3)


def test_long_audio_is_cut_where_it_is_quiet() -> None:
    samples = np.ones(16_000 * 9, dtype=np.float32)
    samples[16_000 * 3 + 320 * 7 : 16_000 * 3 + 320 * 8] = 0

    places = cuts(samples, 4_000)

    assert places[0] == 0
    assert places[-1] == len(samples)
    assert places[1] == 16_000 * 3 + 320 * 7 + 160
    assert max(np.diff(places)) <= 64_000


def utterance() -> list[Hypothesis]:
    """Return decodes whose newest word is a guess until 300 ms more are heard."""
    engine = EarlyEngine()
    return [engine.transcribe(np.zeros(16 * ms, np.float32)) for ms in range(500, 2_001, 500)]


def test_trials_count_what_is_committed_and_what_of_it_stands() -> None:
    agreement, unguarded, *_, careful = try_policies([utterance()])

    assert agreement.committed == agreement.kept
    assert unguarded.committed > unguarded.kept
    assert unguarded.kept_share < careful.kept_share == 1.0
    assert unguarded.delay_ms < careful.delay_ms


def test_a_policy_that_commits_nothing_is_not_the_fastest() -> None:
    """Its delay is that of no word."""
    agreement, *guided = try_policies([utterance()])
    silent = msgspec.structs.replace(guided[0], committed=0, kept=0, delay_ms=0.0)

    assert choose_guard([agreement, silent]) == agreement.policy
    assert choose_guard([silent]) == choose_guard([]) == DEFAULT_POLICY


def test_the_fastest_policy_as_good_as_agreement_is_chosen() -> None:
    trials = try_policies([utterance()])
    chosen = choose_guard(trials)

    (of_chosen,) = (trial for trial in trials if trial.policy == chosen)
    assert of_chosen.kept_share >= trials[0].kept_share
    assert all(
        trial.delay_ms >= of_chosen.delay_ms
        for trial in trials
        if trial.kept_share >= trials[0].kept_share
    )

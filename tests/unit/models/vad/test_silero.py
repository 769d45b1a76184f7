"""The bundled VAD: blocks, context, speech against other sounds, damaged weights."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from models.audio.samples import FloatArray
from models.store.manifest import bundled_manifest
from models.vad.silero import (
    MAX_BLOCK_FRAMES,
    NARROWBAND_HZ,
    SileroVad,
    load_vad,
)
from schemas.errors import InferenceError, ModelIntegrityError, ModelNotFoundError
from tests.support.models.synthetic_audio import babble, noise, silence


@pytest.fixture(scope="module", params=[16_000, NARROWBAND_HZ])
def vad(request: pytest.FixtureRequest) -> SileroVad:
    return load_vad(sample_rate_hz=request.param)


def score(vad: SileroVad, samples: FloatArray) -> FloatArray:
    return vad.probabilities(framed(vad, samples), vad.initial_state())[0]


def framed(vad: SileroVad, samples: FloatArray) -> FloatArray:
    whole = len(samples) // vad.frame_samples * vad.frame_samples
    return samples[:whole].reshape(-1, vad.frame_samples)


def test_speech_is_told_from_silence_and_noise(vad: SileroVad) -> None:
    rate_hz = vad.sample_rate_hz
    assert np.mean(score(vad, babble(2_000, rate_hz=rate_hz)) > 0.5) > 0.7
    assert score(vad, silence(2_000, rate_hz=rate_hz)).max() < 0.1
    assert score(vad, noise(2_000, rate_hz=rate_hz)).max() < 0.3


@pytest.mark.parametrize("block", [1, 2, 3, 7, 16, 90])
def test_the_cut_into_calls_does_not_matter(vad: SileroVad, block: int) -> None:
    frames = framed(vad, babble(3_000, rate_hz=vad.sample_rate_hz))
    together, last_state = vad.probabilities(frames, vad.initial_state())

    state, pieces = vad.initial_state(), []
    for start in range(0, len(frames), block):
        piece, state = vad.probabilities(frames[start : start + block], state)
        pieces.append(piece)

    assert np.array_equal(np.concatenate(pieces), together)
    assert np.array_equal(state, last_state)


def test_what_shares_a_run_does_not_matter(vad: SileroVad) -> None:
    """The deterministic lane must not depend on which other calls a worker has."""
    rng = np.random.default_rng(5)
    stretches = []
    for number in range(150):
        frames = framed(vad, babble(32 * 12, seed=number % 40, rate_hz=vad.sample_rate_hz))
        state = vad.probabilities(frames[:2], vad.initial_state())[1]
        stretches.append((frames[2 : 2 + rng.integers(0, 11)], state))
    alone = [vad.probabilities(*stretch) for stretch in stretches]

    for size in (1, 2, 3, 5, 8, 17, 64, 150):
        chosen = rng.permutation(150)[:size]
        for number, (probabilities, state) in zip(
            chosen, vad.score([stretches[n] for n in chosen]), strict=True
        ):
            assert np.array_equal(probabilities, alone[number][0])
            assert np.array_equal(state, alone[number][1])


def test_no_streams_have_no_scores(vad: SileroVad) -> None:
    assert vad.score([]) == []


def test_more_frames_than_one_block_holds(vad: SileroVad) -> None:
    samples = noise(MAX_BLOCK_FRAMES * 32 + 320, rate_hz=vad.sample_rate_hz)
    frames = framed(vad, samples)

    together, _ = vad.probabilities(frames, vad.initial_state())
    _, state = vad.probabilities(frames[:MAX_BLOCK_FRAMES], vad.initial_state())
    rest, _ = vad.probabilities(frames[MAX_BLOCK_FRAMES:], state)

    assert len(together) == MAX_BLOCK_FRAMES + 10
    assert np.array_equal(together[MAX_BLOCK_FRAMES:], rest)


def test_the_end_of_the_previous_frame_is_heard_again(vad: SileroVad) -> None:
    frames = framed(vad, babble(64, rate_hz=vad.sample_rate_hz))
    _, state = vad.probabilities(frames[:1], vad.initial_state())
    deaf = state.copy()
    deaf[: vad.context_samples] = 0

    assert np.array_equal(state[: vad.context_samples], frames[0, -vad.context_samples :])
    assert vad.probabilities(frames[1:], state)[0] != vad.probabilities(frames[1:], deaf)[0]


def test_no_frames_are_no_probabilities(vad: SileroVad) -> None:
    none = np.empty((0, vad.frame_samples), dtype=np.float32)

    probabilities, state = vad.probabilities(none, vad.initial_state())

    assert probabilities.shape == (0,)
    assert np.array_equal(state, vad.initial_state())


def test_frames_of_another_length_are_refused(vad: SileroVad) -> None:
    with pytest.raises(InferenceError, match=r"\(1, 100\)"):
        vad.probabilities(np.zeros((1, 100), dtype=np.float32), vad.initial_state())


def test_damaged_weights_are_not_loaded(tmp_path: Path) -> None:
    manifest = shutil.copy(bundled_manifest("vad", "silero_vad_16k"), tmp_path)
    (tmp_path / "silero_vad_16k.onnx").write_bytes(b"half a download")

    with pytest.raises(ModelIntegrityError, match="damaged"):
        load_vad(Path(manifest))


def test_missing_weights_say_what_to_do(tmp_path: Path) -> None:
    manifest = shutil.copy(bundled_manifest("vad", "silero_vad_16k"), tmp_path)

    with pytest.raises(ModelNotFoundError, match="copy the model again"):
        load_vad(Path(manifest))

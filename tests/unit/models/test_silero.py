"""The bundled VAD: blocks, context, speech against other sounds, damaged weights."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from models.audio.samples import FloatArray
from models.registry import bundled_manifest
from models.vad.silero import (
    CONTEXT_SAMPLES,
    FRAME_SAMPLES,
    MAX_BLOCK_FRAMES,
    SileroVad,
    load_vad,
)
from schemas.errors import InferenceError, ModelIntegrityError, ModelNotFoundError
from tests.unit.models.synthetic_audio import babble, noise, silence


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return load_vad()


def score(vad: SileroVad, samples: FloatArray) -> FloatArray:
    return vad.probabilities(framed(samples), vad.initial_state())[0]


def framed(samples: FloatArray) -> FloatArray:
    return samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)


def test_speech_is_told_from_silence_and_noise(vad: SileroVad) -> None:
    assert np.mean(score(vad, babble(2_000)) > 0.5) > 0.7
    assert score(vad, silence(2_000)).max() < 0.1
    assert score(vad, noise(2_000)).max() < 0.3


@pytest.mark.parametrize("block", [1, 2, 3, 7, 16, 90])
def test_the_cut_into_calls_does_not_matter(vad: SileroVad, block: int) -> None:
    frames = framed(babble(3_000))
    together, last_state = vad.probabilities(frames, vad.initial_state())

    state, pieces = vad.initial_state(), []
    for start in range(0, len(frames), block):
        piece, state = vad.probabilities(frames[start : start + block], state)
        pieces.append(piece)

    assert np.array_equal(np.concatenate(pieces), together)
    assert np.array_equal(state, last_state)


def test_more_frames_than_one_block_holds(vad: SileroVad) -> None:
    frames = framed(noise(MAX_BLOCK_FRAMES * 32 + 320))

    together, _ = vad.probabilities(frames, vad.initial_state())
    _, state = vad.probabilities(frames[:MAX_BLOCK_FRAMES], vad.initial_state())
    rest, _ = vad.probabilities(frames[MAX_BLOCK_FRAMES:], state)

    assert len(together) == MAX_BLOCK_FRAMES + 10
    assert np.array_equal(together[MAX_BLOCK_FRAMES:], rest)


def test_the_end_of_the_previous_frame_is_heard_again(vad: SileroVad) -> None:
    frames = framed(babble(64))
    _, state = vad.probabilities(frames[:1], vad.initial_state())
    deaf = state.copy()
    deaf[:CONTEXT_SAMPLES] = 0

    assert np.array_equal(state[:CONTEXT_SAMPLES], frames[0, -CONTEXT_SAMPLES:])
    assert vad.probabilities(frames[1:], state)[0] != vad.probabilities(frames[1:], deaf)[0]


def test_no_frames_are_no_probabilities(vad: SileroVad) -> None:
    none = np.empty((0, FRAME_SAMPLES), dtype=np.float32)

    probabilities, state = vad.probabilities(none, vad.initial_state())

    assert probabilities.shape == (0,)
    assert np.array_equal(state, vad.initial_state())


def test_frames_of_another_length_are_refused(vad: SileroVad) -> None:
    with pytest.raises(InferenceError, match=r"\(1, 256\)"):
        vad.probabilities(np.zeros((1, 256), dtype=np.float32), vad.initial_state())


def test_damaged_weights_are_not_loaded(tmp_path: Path) -> None:
    manifest = shutil.copy(bundled_manifest("vad", "silero_vad"), tmp_path)
    (tmp_path / "silero_vad.onnx").write_bytes(b"half a download")

    with pytest.raises(ModelIntegrityError, match="damaged"):
        load_vad(Path(manifest))


def test_missing_weights_say_what_to_do(tmp_path: Path) -> None:
    manifest = shutil.copy(bundled_manifest("vad", "silero_vad"), tmp_path)

    with pytest.raises(ModelNotFoundError, match="reinstall"):
        load_vad(Path(manifest))

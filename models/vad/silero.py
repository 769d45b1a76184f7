"""Silero VAD (v6) on ONNX Runtime, any number of a stream's frames in one call.

Source: snakers4/silero-vad, MIT; weights and licence lie in `models/weights/vad`.
"""

from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime

from models.audio.samples import SAMPLE_RATE_HZ, FloatArray
from models.registry import WeightsManifest, bundled_manifest, load_manifest, verified_weights
from schemas.errors import InferenceError

FRAME_MS = 32
FRAME_SAMPLES = SAMPLE_RATE_HZ * FRAME_MS // 1000
CONTEXT_SAMPLES = 64  # tail of the previous frame that stands before each frame
HIDDEN_SIZE = 128  # of the LSTM
STATE_SIZE = CONTEXT_SAMPLES + 2 * HIDDEN_SIZE
MAX_BLOCK_FRAMES = 256  # bounds the memory of one call: 8 s of audio


class SpeechDetector(Protocol):
    """What the front end needs of a voice activity model."""

    def initial_state(self) -> FloatArray:
        """Return the state of a stream that has heard nothing."""
        ...

    def probabilities(self, frames: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the speech probability of each of a stream's next frames, and its new state."""
        ...


class SileroVad:
    """Speech probabilities of 32 ms frames at 16 kHz.

    The frames of one call are consecutive frames of one stream: its convolutions run over all of
    them at once and only the LSTM goes step by step. Results are bit-identical however a stream
    is cut into calls (tested). Streams are not batched: three frames a call, which a chunk of
    100 ms brings, cost as much per frame as a batch of eight streams did.

    Args:
        session: An ORT session of the 16 kHz sequence model.
    """

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    def initial_state(self) -> FloatArray:
        """Return zeros, shape (``STATE_SIZE``,)."""
        return np.zeros(STATE_SIZE, dtype=np.float32)

    def probabilities(self, frames: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the speech probability of each of the stream's next frames, and its new state.

        Args:
            frames: Audio in [-1, 1] at 16 kHz, shape (n, ``FRAME_SAMPLES``).
            state: What the previous call returned for this stream, shape (``STATE_SIZE``,).

        Returns:
            Probabilities of shape (n,), the state after the last frame.

        Raises:
            InferenceError: Shapes that do not fit.
        """
        expected = ((len(frames), FRAME_SAMPLES), (STATE_SIZE,))
        if (frames.shape, state.shape) != expected:
            raise InferenceError(f"VAD wants {expected}, got {frames.shape} and {state.shape}")
        blocks = []
        for start in range(0, len(frames), MAX_BLOCK_FRAMES):
            block, state = self._score(frames[start : start + MAX_BLOCK_FRAMES], state)
            blocks.append(block)
        return np.concatenate([np.empty(0, dtype=np.float32), *blocks]), state

    def _score(self, frames: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        context, hidden, cell = np.split(state, (CONTEXT_SAMPLES, CONTEXT_SAMPLES + HIDDEN_SIZE))
        contexts = np.concatenate((context[None], frames[:-1, -CONTEXT_SAMPLES:]))
        feed = {
            "input": np.concatenate((contexts, frames), axis=1),
            "h": hidden.reshape(1, 1, HIDDEN_SIZE),
            "c": cell.reshape(1, 1, HIDDEN_SIZE),
        }
        probabilities, hidden, cell = self._session.run(None, feed)
        context = frames[-1, -CONTEXT_SAMPLES:]
        return probabilities, np.concatenate((context, hidden.ravel(), cell.ravel()))


def load_vad(manifest_path: Path | None = None) -> SileroVad:
    """Return the bundled VAD, or the one that a manifest describes; its sha256 is checked.

    Raises:
        ModelNotFoundError: No manifest or no weights there.
        ModelIntegrityError: The weights are not those that the manifest describes.
    """
    path = manifest_path or bundled_manifest("vad", "silero_vad")
    weights = verified_weights(path, load_manifest(path, WeightsManifest))
    session = onnxruntime.InferenceSession(
        str(weights), _session_options(), providers=["CPUExecutionProvider"]
    )
    return SileroVad(session)


def _session_options() -> onnxruntime.SessionOptions:
    """Return one thread, no spinning, sequential: the process has its own threads to schedule."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options

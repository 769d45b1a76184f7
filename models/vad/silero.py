"""Silero VAD (v6) on ONNX Runtime, frames of any number of streams in one call.

Source: snakers4/silero-vad, MIT; weights and licence lie in `models/weights/vad`.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime

from models.audio.samples import SAMPLE_RATE_HZ, FloatArray
from models.onnx_session import open_session
from models.store.manifest import WeightsManifest, bundled_manifest, load_manifest, verified_weights
from schemas.errors import InferenceError

FRAME_MS = 32
FRAME_SAMPLES = SAMPLE_RATE_HZ * FRAME_MS // 1000  # at 16 kHz
CONTEXT_MS = 4  # tail of the previous frame that stands before each frame
HIDDEN_SIZE = 128  # of the LSTM
NARROWBAND_HZ = 8_000
MAX_BLOCK_FRAMES = 256  # bounds the memory of one call: 8 s of audio
MAX_SHARED_FRAMES = 8  # longer stretches run alone, since others would wait for them

Stretch = tuple[FloatArray, FloatArray]  # a stream's next frames, and its state before them
Scored = tuple[FloatArray, FloatArray]  # their probabilities, and its state after them


class SpeechDetector(Protocol):
    """What the front end needs of a voice activity model."""

    @property
    def sample_rate_hz(self) -> int:
        """Of the audio it takes."""
        ...

    def initial_state(self) -> FloatArray:
        """Return the state of a stream at its beginning."""
        ...

    def probabilities(self, frames: FloatArray, state: FloatArray) -> Scored:
        """Return the speech probability of each of a stream's next frames, and its new state."""
        ...


class SileroVad:
    """Speech probabilities of 32 ms frames at 8 or 16 kHz.

    Results are bit-identical however a stream is cut into calls and whatever other streams are
    scored beside it (tested): sharing a run only makes a frame cheaper.

    Args:
        session: An ORT session of a network that `training.vad.rearrange` wrote.
        sample_rate_hz: Which one it is for.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, sample_rate_hz: int = SAMPLE_RATE_HZ
    ) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.frame_samples = sample_rate_hz * FRAME_MS // 1000
        self.context_samples = sample_rate_hz * CONTEXT_MS // 1000
        self.state_size = self.context_samples + 2 * HIDDEN_SIZE
        self._session = session

    def initial_state(self) -> FloatArray:
        """Return zeros, shape (``state_size``,)."""
        return np.zeros(self.state_size, dtype=np.float32)

    def probabilities(self, frames: FloatArray, state: FloatArray) -> Scored:
        """Return the speech probability of each of the stream's next frames, and its new state.

        Args:
            frames: Audio in [-1, 1], shape (n, ``frame_samples``).
            state: What the previous call returned for this stream, shape (``state_size``,).

        Returns:
            Probabilities of shape (n,), the state after the last frame.

        Raises:
            InferenceError: Shapes that do not fit.
        """
        self._check(frames, state)
        blocks = []
        for start in range(0, len(frames), MAX_BLOCK_FRAMES):
            ((block, state),) = self._run([(frames[start : start + MAX_BLOCK_FRAMES], state)])
            blocks.append(block)
        return np.concatenate([np.empty(0, dtype=np.float32), *blocks]), state

    def score(self, stretches: Sequence[Stretch]) -> list[Scored]:
        """Return for each of several streams what `probabilities` would, together and cheaper.

        Raises:
            InferenceError: Shapes that do not fit.
        """
        for frames, state in stretches:
            self._check(frames, state)
        scored: dict[int, Scored] = {}
        for numbers in _shared_runs([len(frames) for frames, _ in stretches]):
            together = self._run([stretches[number] for number in numbers])
            scored.update(zip(numbers, together, strict=True))
        return [
            scored[number] if number in scored else self.probabilities(frames, state)
            for number, (frames, state) in enumerate(stretches)
        ]

    def _check(self, frames: FloatArray, state: FloatArray) -> None:
        expected = ((len(frames), self.frame_samples), (self.state_size,))
        if (frames.shape, state.shape) != expected:
            raise InferenceError(f"VAD wants {expected}, got {frames.shape} and {state.shape}")

    def _run(self, stretches: Sequence[Stretch]) -> list[Scored]:
        lengths = np.array([len(frames) for frames, _ in stretches], dtype=np.int32)
        ends = np.cumsum(lengths, dtype=np.int64)
        starts = ends - lengths
        frames = np.concatenate([frames for frames, _ in stretches])
        states = np.stack([state for _, state in stretches])
        context, hidden = self.context_samples, self.context_samples + HIDDEN_SIZE
        inputs = np.empty((len(frames), context + self.frame_samples), dtype=np.float32)
        inputs[:, context:] = frames
        inputs[1:, :context] = frames[:-1, -context:]
        inputs[starts, :context] = states[:, :context]
        steps = np.arange(lengths.max())[:, None]
        feed = {
            "frames": inputs,
            "places": np.minimum(starts + steps, ends - 1),
            "lengths": lengths,
            "h": states[None, :, context:hidden],
            "c": states[None, :, hidden:],
        }
        probabilities, h, c = self._session.run(None, feed)
        states = np.concatenate((frames[ends - 1, -context:], h[0], c[0]), axis=1)
        return [
            (probabilities[:length, number, 0], states[number])
            for number, length in enumerate(lengths)
        ]


def _shared_runs(lengths: Sequence[int]) -> Iterable[list[int]]:
    """Yield which stretches to run together; those left out run alone."""
    together: list[int] = []
    frames = 0
    for number, length in enumerate(lengths):
        if not 0 < length <= MAX_SHARED_FRAMES:
            continue
        together.append(number)
        frames += length
        if frames > MAX_BLOCK_FRAMES - MAX_SHARED_FRAMES:
            yield together
            together, frames = [], 0
    if together:
        yield together


def load_vad(
    manifest_path: Path | None = None, *, sample_rate_hz: int = SAMPLE_RATE_HZ
) -> SileroVad:
    """Return the bundled VAD, or the one that a manifest describes; its sha256 is checked.

    Args:
        manifest_path: Instead of the bundled one.
        sample_rate_hz: 16 kHz or ``NARROWBAND_HZ``.

    Raises:
        ModelNotFoundError: No manifest or no weights there.
        ModelIntegrityError: The weights are not those that the manifest describes.
    """
    path = manifest_path or bundled_manifest("vad", f"silero_vad_{sample_rate_hz // 1000}k")
    weights = verified_weights(path, load_manifest(path, WeightsManifest))
    session = open_session(weights, device="cpu", threads=1)
    return SileroVad(session, sample_rate_hz)

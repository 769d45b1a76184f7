"""Source samples in, 32 ms frames with speech probability and energy out, per channel."""

import math
from dataclasses import dataclass

import numpy as np

from models.audio.resample import MAX_RESAMPLER_LATENCY_MS, StreamResampler
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray, as_samples, rms_level
from models.vad.silero import FRAME_MS, FRAME_SAMPLES, SpeechDetector

WARM_UP_FRAMES = 16
WARM_UP_MS = WARM_UP_FRAMES * FRAME_MS
PRE_ROLL_SAMPLES = WARM_UP_FRAMES * FRAME_SAMPLES
MAX_LATENCY_MS = MAX_RESAMPLER_LATENCY_MS + FRAME_MS  # inserted audio that no frame covers yet


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """32 ms of one channel at 16 kHz.

    Attributes:
        index: 0 for the frame that starts at the origin; frame i starts 32 * i ms after it.
        samples: Shape (512,), read-only.
        probability: That there is speech in it, 0 to 1.
        rms: Root mean square of the samples.
    """

    index: int
    samples: FloatArray
    probability: float
    rms: float


class ChannelFrontEnd:
    """Resampler, framing and voice activity of one channel since an origin.

    All that comes out is a pure function of the `warm_up_samples` before the origin and the
    samples since, bit for bit: however they were cut and whatever was heard before. Frames come
    at most ``MAX_LATENCY_MS`` late.

    Args:
        source_rate_hz: One of `models.audio.SOURCE_RATES_HZ`.
        vad: May be shared by any number of channels.

    Raises:
        AudioFormatError: A source rate that is not supported.
    """

    def __init__(self, source_rate_hz: int, vad: SpeechDetector) -> None:
        self._source_rate_hz = source_rate_hz
        self._vad = vad
        self.rebuild(np.empty(0, dtype=np.float32))

    @property
    def pre_roll(self) -> FloatArray:
        """Return the 16 kHz audio before the origin, shape (8192,).

        Shorter before frame 0 or ``flush``: what the resampler still holds is missing at the end.
        """
        return self._pre_roll[: (min(self._next_index, 0) + WARM_UP_FRAMES) * FRAME_SAMPLES]

    def rebuild(self, history: FloatArray) -> None:
        """Start anew at an origin that lies right after ``history``.

        Args:
            history: Source samples before the origin. The last `warm_up_samples` of them warm up
                resampler and VAD; what is missing is silence on the left.

        Raises:
            AudioFormatError: ``history`` is not one-dimensional.
        """
        warm_up = warm_up_samples(self._source_rate_hz)
        self._resampler = StreamResampler(self._source_rate_hz)
        self._vad_state = self._vad.initial_state()
        self._pre_roll = np.zeros(PRE_ROLL_SAMPLES, dtype=np.float32)
        self._next_index = -WARM_UP_FRAMES
        self._surplus = warm_up * SAMPLE_RATE_HZ // self._source_rate_hz - PRE_ROLL_SAMPLES
        self._tail = self._resampler.insert(_left_padded(as_samples(history), warm_up))

    def insert(self, samples: FloatArray) -> list[Frame]:
        """Return the frames that the source samples complete, in order.

        Raises:
            AudioFormatError: Not one-dimensional, or inserted after ``flush``.
        """
        return self._frames(self._resampler.insert(samples))

    def flush(self) -> list[Frame]:
        """Return the remaining frames, the last one padded with zeros; then only ``rebuild``."""
        rest = self._resampler.flush()
        missing = -(len(self._tail) - self._surplus + len(rest)) % FRAME_SAMPLES
        return self._frames(np.concatenate((rest, np.zeros(missing, dtype=np.float32))))

    def _frames(self, resampled: FloatArray) -> list[Frame]:
        samples = np.concatenate((self._tail, resampled))
        surplus = min(self._surplus, len(samples))
        self._surplus -= surplus
        whole = surplus + (len(samples) - surplus) // FRAME_SAMPLES * FRAME_SAMPLES
        self._tail = samples[whole:]
        if whole == surplus:
            return []
        frames = samples[surplus:whole].reshape(-1, FRAME_SAMPLES)
        frames.flags.writeable = False
        probabilities, self._vad_state = self._vad.probabilities(frames, self._vad_state)
        first, self._next_index = self._next_index, self._next_index + len(frames)
        self._keep_pre_roll(frames, first)
        return [
            Frame(first + n, frames[n], float(probabilities[n]), rms_level(frames[n]))
            for n in range(max(-first, 0), len(frames))
        ]

    def _keep_pre_roll(self, frames: FloatArray, first: int) -> None:
        if first < 0:
            before_origin = frames[:-first].ravel()
            start = (first + WARM_UP_FRAMES) * FRAME_SAMPLES
            self._pre_roll[start : start + len(before_origin)] = before_origin


def warm_up_samples(source_rate_hz: int) -> int:
    """Return how many source samples before the origin the front end uses.

    ``WARM_UP_MS`` of them, or up to 8 ms more where only that puts the origin on a 16 kHz sample
    (11,025, 22,050 and 44,100 Hz).
    """
    divisor = math.gcd(source_rate_hz, SAMPLE_RATE_HZ)
    periods = math.ceil(PRE_ROLL_SAMPLES * divisor / SAMPLE_RATE_HZ)
    return periods * source_rate_hz // divisor


def _left_padded(samples: FloatArray, length: int) -> FloatArray:
    kept = samples[-length:]
    return np.concatenate((np.zeros(length - len(kept), dtype=np.float32), kept))

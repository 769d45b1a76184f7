"""Source samples in, 32 ms frames with speech probability out, per channel."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from models.audio.resample import MAX_RESAMPLER_LATENCY_MS, StreamResampler
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray, as_samples
from models.vad.silero import (
    FRAME_MS,
    FRAME_SAMPLES,
    NARROWBAND_HZ,
    Scored,
    SileroVad,
    SpeechDetector,
    Stretch,
    load_vad,
)

WARM_UP_FRAMES = 16
WARM_UP_MS = WARM_UP_FRAMES * FRAME_MS
PRE_ROLL_SAMPLES = WARM_UP_FRAMES * FRAME_SAMPLES  # at 16 kHz
MAX_LATENCY_MS = MAX_RESAMPLER_LATENCY_MS + FRAME_MS  # inserted audio that no frame covers yet


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """32 ms of one channel, at the rate of its detector.

    Attributes:
        index: 0 for the frame that starts at the origin; frame i starts 32 * i ms after it.
        samples: Shape (512,) at 16 kHz or (256,) at 8 kHz, read-only.
        probability: That there is speech in it, 0 to 1.
    """

    index: int
    samples: FloatArray
    probability: float


class ChannelFrontEnd:
    """Framing and voice activity of one channel since an origin, resampled where it must be.

    All that comes out is a pure function of the `warm_up_samples` before the origin and the
    samples since, bit for bit: however they were cut and whatever came before. Frames come
    at most ``MAX_LATENCY_MS`` late, and ``FRAME_MS`` where the source has the detector's rate.

    Args:
        source_rate_hz: One of `models.audio.SOURCE_RATES_HZ`.
        vad: May be shared by any number of channels.

    Raises:
        AudioFormatError: A source rate that is not supported.
    """

    def __init__(self, source_rate_hz: int, vad: SpeechDetector) -> None:
        self._source_rate_hz = source_rate_hz
        self._rate_hz = vad.sample_rate_hz
        self._frame_samples = vad.sample_rate_hz * FRAME_MS // 1000
        self._vad = vad
        self.rebuild(np.empty(0, dtype=np.float32))

    @property
    def vad(self) -> SpeechDetector:
        """Return the detector."""
        return self._vad

    @property
    def pre_roll(self) -> FloatArray:
        """Return the audio before the origin at the rate of the frames, 16 frames long.

        Shorter before frame 0 or ``flush``: what the resampler still holds is missing at the end.
        """
        return self._pre_roll[: (min(self._next_index, 0) + WARM_UP_FRAMES) * self._frame_samples]

    def rebuild(self, history: FloatArray) -> None:
        """Start anew at an origin that lies right after ``history``.

        Args:
            history: Source samples before the origin. The last `warm_up_samples` of them warm up
                resampler and VAD; what is missing is silence on the left.

        Raises:
            AudioFormatError: ``history`` is not one-dimensional.
        """
        warm_up = warm_up_samples(self._source_rate_hz)
        pre_roll = WARM_UP_FRAMES * self._frame_samples
        self._resampler = StreamResampler(self._source_rate_hz, self._rate_hz)
        self._vad_state = self._vad.initial_state()
        self._pre_roll = _silence(pre_roll)
        self._next_index = -WARM_UP_FRAMES
        self._surplus = warm_up * self._rate_hz // self._source_rate_hz - pre_roll
        self._tail = self._resampler.insert(_left_padded(as_samples(history), warm_up))
        self._expected: tuple[Stretch, Scored] | None = None

    def insert(self, samples: FloatArray) -> list[Frame]:
        """Return the frames that the source samples complete, in order.

        Raises:
            AudioFormatError: Not one-dimensional, or inserted after ``flush``.
        """
        return self._frames(self._resampler.insert(samples))

    def flush(self) -> list[Frame]:
        """Return the remaining frames, the last one padded with zeros; then only ``rebuild``."""
        rest = self._resampler.flush()
        missing = -(len(self._tail) - self._surplus + len(rest)) % self._frame_samples
        return self._frames(np.concatenate((rest, np.zeros(missing, dtype=np.float32))))

    def next_stretch(self, samples: FloatArray) -> Stretch | None:
        """Return what inserting the samples would have scored; None for nothing, or unknown.

        Nothing changes: what they turn out to be is told to `expect`, or not at all.
        """
        if self._source_rate_hz != self._rate_hz:
            return None
        frames = self._split(np.concatenate((self._tail, samples)))
        return (frames, self._vad_state) if len(frames) else None

    def expect(self, stretch: Stretch, scored: Scored) -> None:
        """Take in the scores of a stretch that is likely to be inserted next."""
        self._expected = stretch, scored

    def _frames(self, resampled: FloatArray) -> list[Frame]:
        samples = np.concatenate((self._tail, resampled))
        frames = self._split(samples)
        surplus = min(self._surplus, len(samples))
        self._surplus -= surplus
        self._tail = samples[surplus + frames.size :].copy()  # a view would keep all of it
        if not len(frames):
            return []
        probabilities, self._vad_state = self._score(frames)
        first, self._next_index = self._next_index, self._next_index + len(frames)
        self._keep_pre_roll(frames, first)
        levels = probabilities.tolist()
        early = min(max(-first, 0), len(frames))
        scored = frames[early:].copy() if early else frames
        scored.flags.writeable = False
        return [
            Frame(first + n, samples, levels[n]) for n, samples in enumerate(scored, start=early)
        ]

    def _split(self, samples: FloatArray) -> FloatArray:
        """Return the whole frames in ``samples``, which follow on the last one that came out."""
        surplus = min(self._surplus, len(samples))
        whole = surplus + (len(samples) - surplus) // self._frame_samples * self._frame_samples
        return samples[surplus:whole].reshape(-1, self._frame_samples)

    def _score(self, frames: FloatArray) -> Scored:
        expected, self._expected = self._expected, None
        if expected is not None:
            (stretch, state), scored = expected
            if state is self._vad_state and np.array_equal(stretch, frames):
                return scored
        return self._vad.probabilities(frames, self._vad_state)

    def _keep_pre_roll(self, frames: FloatArray, first: int) -> None:
        if first < 0:
            before_origin = frames[:-first].ravel()
            start = (first + WARM_UP_FRAMES) * self._frame_samples
            if not self._pre_roll.flags.writeable and before_origin.any():
                self._pre_roll = self._pre_roll.copy()
            if self._pre_roll.flags.writeable:
                self._pre_roll[start : start + len(before_origin)] = before_origin


class Detectors:
    """The bundled VAD for every source rate: 8 kHz audio is scored as it is, the rest at 16 kHz.

    The narrowband network costs half as much, and its decisions need not wait for a resampler.
    """

    def __init__(self) -> None:
        self._narrow = load_vad(sample_rate_hz=NARROWBAND_HZ)
        self._wide = load_vad()

    def front_end(self, source_rate_hz: int) -> ChannelFrontEnd:
        """Return a new front end of a channel.

        Raises:
            AudioFormatError: A source rate that is not supported.
        """
        vad = self._narrow if source_rate_hz == NARROWBAND_HZ else self._wide
        return ChannelFrontEnd(source_rate_hz, vad)


def score_ahead(
    announced: Iterable[tuple[ChannelFrontEnd, FloatArray]],
    clock_s: Callable[[], float] = lambda: 0.0,
) -> float:
    """Score together what is about to be inserted into several front ends.

    Nothing but the cost of inserting it changes.

    Args:
        announced: Front ends, each once, and the source samples that each gets next.
        clock_s: Of this thread, in seconds.

    Returns:
        What the network took by that clock, in seconds.
    """
    waiting: dict[SileroVad, list[tuple[ChannelFrontEnd, Stretch]]] = {}
    for front_end, samples in announced:
        stretch = front_end.next_stretch(samples)
        if stretch is not None and isinstance(front_end.vad, SileroVad):
            waiting.setdefault(front_end.vad, []).append((front_end, stretch))
    took_s = 0.0
    for vad, entries in waiting.items():
        began_s = clock_s()
        scores = vad.score([stretch for _, stretch in entries])
        took_s += clock_s() - began_s
        for (front_end, stretch), scored in zip(entries, scores, strict=True):
            front_end.expect(stretch, scored)
    return took_s


@cache
def _silence(samples: int) -> FloatArray:
    """Return read-only zeros, which all front ends share: a new call has no pre-roll yet."""
    zeros = np.zeros(samples, dtype=np.float32)
    zeros.flags.writeable = False
    return zeros


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

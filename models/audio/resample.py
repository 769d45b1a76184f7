"""Streaming sample-rate conversion whose output does not depend on how the input is cut."""

import numpy as np
import soxr

from models.audio.samples import SAMPLE_RATE_HZ, FloatArray, as_samples
from schemas.errors import AudioFormatError

SOURCE_RATES_HZ = (
    8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000,
)  # fmt: skip
MAX_RESAMPLER_LATENCY_MS = 120  # soxr HQ from 8 kHz: measured 115; 16 kHz passes at once


class StreamResampler:
    """Converts one channel to another rate, chunk by chunk (soxr, quality HQ).

    Output sample k lies at input time ``k / target_rate_hz`` after the first input sample: the
    filter's delay is taken out, so the first chunks come out short. The same input gives
    bit-identical output however it is cut (soxr computes in blocks of its own; property-tested).

    Args:
        source_rate_hz: One of ``SOURCE_RATES_HZ``.
        target_rate_hz: Rate of the output.

    Raises:
        AudioFormatError: A source rate that is not supported.
    """

    def __init__(self, source_rate_hz: int, target_rate_hz: int = SAMPLE_RATE_HZ) -> None:
        if source_rate_hz not in SOURCE_RATES_HZ:
            known = ", ".join(map(str, SOURCE_RATES_HZ))
            raise AudioFormatError(f"unsupported sample rate {source_rate_hz} Hz; known: {known}")
        self._is_flushed = False
        self._stream: soxr.ResampleStream | None = None
        if source_rate_hz != target_rate_hz:
            self._stream = soxr.ResampleStream(
                source_rate_hz, target_rate_hz, 1, dtype="float32", quality="HQ"
            )

    def insert(self, samples: FloatArray) -> FloatArray:
        """Return the output that the samples complete, shape (n_output,), often none.

        Raises:
            AudioFormatError: Not one-dimensional, or inserted after ``flush``.
        """
        return self._convert(as_samples(samples), is_last=False)

    def flush(self) -> FloatArray:
        """Return the rest of the output; the total is the input's duration, rounded.

        Raises:
            AudioFormatError: Flushed before.
        """
        return self._convert(np.empty(0, dtype=np.float32), is_last=True)

    def _convert(self, samples: FloatArray, *, is_last: bool) -> FloatArray:
        if self._is_flushed:
            raise AudioFormatError("the resampler was flushed; make a new one")
        self._is_flushed = is_last
        if self._stream is None:
            return samples.copy()
        output: FloatArray = self._stream.resample_chunk(samples, last=is_last)
        return output


def resample_stretch(
    samples: FloatArray, source_rate_hz: int, target_rate_hz: int = SAMPLE_RATE_HZ
) -> FloatArray:
    """Return a stretch of audio at another rate, as if there were silence around it.

    The first and last 25 ms differ from what they would be within longer audio; give it more
    on both sides and cut that off.
    """
    output: FloatArray = soxr.resample(samples, source_rate_hz, target_rate_hz, quality="HQ")
    return output


def source_position(target_position: int, source_rate_hz: int) -> int:
    """Return the source sample nearest to a position counted in 16 kHz samples.

    Exact for whole ratios; for 11,025, 22,050 and 44,100 Hz rounded half up, so within half a
    source sample.
    """
    return (2 * target_position * source_rate_hz + SAMPLE_RATE_HZ) // (2 * SAMPLE_RATE_HZ)

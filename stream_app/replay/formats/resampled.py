"""Audio at a rate that no call has, brought to one that calls have."""

import numpy as np
import soxr
from numpy.typing import NDArray

from stream_app.replay.formats.samples import payloads_of, to_pcm16
from stream_app.replay.formats.sources import SAMPLE_RATES_HZ, AudioFormat, AudioSource

LOWEST_RATE_HZ = 1_000
HIGHEST_RATE_HZ = 384_000
_HIGHEST_TARGET_HZ = 48_000  # more holds no more speech
_BLOCK_MS = 100
_PCM16_SCALE = np.float32(32_768)


def rate_of_calls(rate_hz: int) -> int | None:
    """Return the next rate that calls have, ``rate_hz`` where it is one; None for no audio."""
    if rate_hz in SAMPLE_RATES_HZ:
        return rate_hz
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        return None
    higher = (rate for rate in SAMPLE_RATES_HZ if rate > rate_hz)
    return min(next(higher, _HIGHEST_TARGET_HZ), _HIGHEST_TARGET_HZ)


class ResampledSource:
    """A source of PCM16 at another rate (soxr, quality HQ), in constant memory.

    Args:
        source: Of PCM16; closed with this one.
        target_rate_hz: Rate of the output.
        notice: What the user should know of it.
    """

    def __init__(self, source: AudioSource, target_rate_hz: int, notice: str) -> None:
        self._source = source
        self._format = AudioFormat("pcm16", target_rate_hz, source.format.channels)
        self._notice = notice
        self._stream = soxr.ResampleStream(
            source.format.sample_rate_hz,
            target_rate_hz,
            source.format.channels,
            dtype="float32",
            quality="HQ",
        )
        self._ready: NDArray[np.int16] = np.empty((0, source.format.channels), np.int16)
        self._is_ended = False

    @property
    def format(self) -> AudioFormat:
        """PCM16 at the target rate."""
        return self._format

    @property
    def frames(self) -> int | None:
        """Samples of each channel at the target rate."""
        frames = self._source.frames
        rates = self._format.sample_rate_hz, self._source.format.sample_rate_hz
        return None if frames is None else -(-frames * rates[0] // rates[1])

    @property
    def notices(self) -> tuple[str, ...]:
        """The source's notices, and that it was resampled."""
        return (*self._source.notices, self._notice)

    def read(self, frames: int) -> tuple[bytes, ...]:
        """Return up to ``frames`` samples of every channel, or () at the end."""
        while len(self._ready) == 0 and not self._is_ended:
            self._fill()
        block, self._ready = self._ready[:frames], self._ready[frames:]
        return payloads_of(block)

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _fill(self) -> None:
        audio_format = self._source.format
        payloads = self._source.read(audio_format.sample_rate_hz * _BLOCK_MS // 1000)
        self._is_ended = not payloads
        channels = [np.frombuffer(payload, dtype="<i2") for payload in payloads]
        samples = np.zeros((0, audio_format.channels), np.float32)
        if channels:
            samples = np.stack(channels, axis=1).astype(np.float32) / _PCM16_SCALE
        self._ready = to_pcm16(self._stream.resample_chunk(samples, last=self._is_ended))

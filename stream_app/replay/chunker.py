"""The audio of a call, cut into intervals of 20 to 200 ms."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from stream_app.replay.formats.sources import AudioSource, read_fully


@dataclass(frozen=True, slots=True)
class Interval:
    """The audio of all channels in one interval.

    Attributes:
        start_ms: Audio clock of the first sample.
        end_ns: Audio clock (ns) of the end of the last sample.
    """

    seq: int
    start_ms: int
    end_ns: int
    payloads: tuple[bytes, ...]


def chunk_frames(sample_rate_hz: int, chunk_ms: int) -> int:
    """Return the samples of a chunk: the longest whole number of ms up to ``chunk_ms``.

    Chunks begin at whole milliseconds, which 11.025 kHz reaches every 40 ms only.
    """
    step_frames = sample_rate_hz // math.gcd(sample_rate_hz, 1000)
    wanted_frames = sample_rate_hz * chunk_ms // 1000
    return max(1, wanted_frames // step_frames) * step_frames


def intervals(source: AudioSource, chunk_ms: int) -> Iterator[Interval]:
    """Yield the audio of ``source`` in order; only the last interval may be shorter."""
    rate = source.format.sample_rate_hz
    frames = chunk_frames(rate, chunk_ms)
    seq = start = 0
    while payloads := read_fully(source, frames):
        end = start + max(map(len, payloads)) // source.format.sample_bytes
        yield Interval(
            seq=seq,
            start_ms=start * 1000 // rate,
            end_ns=end * 1_000_000_000 // rate,
            payloads=payloads,
        )
        seq, start = seq + 1, end

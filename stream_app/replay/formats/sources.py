"""Audio of recordings as payloads of every channel, for any container."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from schemas.base import Encoding

SAMPLE_RATES_HZ = (
    8_000,
    11_025,
    12_000,
    16_000,
    22_050,
    24_000,
    32_000,
    44_100,
    48_000,
    96_000,
    192_000,
)
SAMPLE_BYTES: dict[Encoding, int] = {"mulaw": 1, "alaw": 1, "pcm16": 2}
SILENCE: dict[Encoding, bytes] = {"mulaw": b"\xff", "alaw": b"\xd5", "pcm16": b"\x00\x00"}


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """How the payloads of a source are encoded; the same for every channel."""

    encoding: Encoding
    sample_rate_hz: int
    channels: int

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample of one channel."""
        return SAMPLE_BYTES[self.encoding]


class AudioSource(Protocol):
    """Audio that is read once, from its beginning to its end, in constant memory."""

    @property
    def format(self) -> AudioFormat:
        """Encoding, sample rate and number of channels."""
        ...

    @property
    def frames(self) -> int | None:
        """Samples of each channel by the file's header; None where it does not say."""
        ...

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know of this file, a line each."""
        ...

    def read(self, frames: int) -> tuple[bytes, ...]:
        """Return up to ``frames`` samples of every channel, or () at the end.

        Raises:
            AudioFormatError: The file is damaged from here on.
        """
        ...

    def close(self) -> None:
        """Close the file; may be called twice."""
        ...


def truncation_notice(path: Path, present: int, promised: int) -> str:
    """Return what the user is told of a file that is shorter than its header says."""
    percent = 100 * present // promised
    if percent == 0:  # the header is more likely wrong than the file
        return f"{path}: shorter than its header says; what is there is replayed"
    return f"{path}: truncated, {percent} % of the audio is there and is replayed"


def read_fully(source: AudioSource, frames: int) -> tuple[bytes, ...]:
    """Return ``frames`` samples of every channel, fewer at the end only, () after it."""
    blocks: list[tuple[bytes, ...]] = []
    missing = frames
    while missing > 0 and (block := source.read(missing)):
        blocks.append(block)
        missing -= max(len(payload) for payload in block) // source.format.sample_bytes
    if len(blocks) == 1:
        return blocks[0]
    return tuple(b"".join(parts) for parts in zip(*blocks, strict=True))


class PairedSource:
    """Two or more one-channel sources as the channels of one call.

    A channel that ended before the others is silent to the end of its last interval and empty
    from then on.
    """

    def __init__(self, sources: tuple[AudioSource, ...]) -> None:
        first = sources[0].format
        self._sources = sources
        self._format = AudioFormat(first.encoding, first.sample_rate_hz, len(sources))

    @property
    def format(self) -> AudioFormat:
        """The format of the sources, with a channel for each."""
        return self._format

    @property
    def frames(self) -> int | None:
        """Samples of the longest channel."""
        known = [source.frames for source in self._sources]
        return max((frames for frames in known if frames is not None), default=None)

    @property
    def notices(self) -> tuple[str, ...]:
        """The notices of every source."""
        return tuple(notice for source in self._sources for notice in source.notices)

    def read(self, frames: int) -> tuple[bytes, ...]:
        """Return up to ``frames`` samples of every channel, or () when all have ended."""
        payloads = [b"".join(read_fully(source, frames)) for source in self._sources]
        longest = max(len(payload) for payload in payloads)
        if longest == 0:
            return ()
        return tuple(self._padded(payload, longest) for payload in payloads)

    def close(self) -> None:
        """Close every source."""
        for source in self._sources:
            source.close()

    def _padded(self, payload: bytes, length: int) -> bytes:
        missing_samples = (length - len(payload)) // self._format.sample_bytes
        return payload + SILENCE[self._format.encoding] * missing_samples if payload else b""

"""Which file names are audio, and what the name says of a file without a header.

Sources: Asterisk's file formats (``formats/format_*.c``: names and rates); for the rest the
containers that libsndfile and FFmpeg read.
"""

from dataclasses import dataclass
from pathlib import Path

from schemas.base import Encoding
from schemas.errors import AudioFormatError

G711_RATE_HZ = 8_000
GSM_RATE_HZ = 8_000


@dataclass(frozen=True, slots=True)
class RawFormat:
    """How to read files without a header.

    Attributes:
        encoding: Of files whose name does not show it; None where there are no such files.
        sample_rate_hz: Where the name does not show it.
        channels: Interleaved in each file; GSM and VOX have one.
    """

    encoding: Encoding | None = None
    sample_rate_hz: int = G711_RATE_HZ
    channels: int = 1


@dataclass(frozen=True, slots=True)
class RawCoding:
    """The samples of a file without a header.

    Attributes:
        subtype: As libsndfile calls it.
        encoding: As calls carry it; None if it must be decoded.
        sample_rate_hz: None where the name does not show it.
        is_interleaved: Whether such a file may have several channels.
    """

    subtype: str
    encoding: Encoding | None = None
    sample_rate_hz: int | None = None
    is_interleaved: bool = True


_CODINGS: dict[Encoding, RawCoding] = {
    "mulaw": RawCoding("ULAW", "mulaw"),
    "alaw": RawCoding("ALAW", "alaw"),
    "pcm16": RawCoding("PCM_16", "pcm16"),
}
_SIGNED_LINEAR_HZ = {  # Asterisk's; all little-endian
    ".sln": 8_000,
    ".sln8": 8_000,
    ".sln12": 12_000,
    ".sln16": 16_000,
    ".sln24": 24_000,
    ".sln32": 32_000,
    ".sln44": 44_100,
    ".sln48": 48_000,
    ".sln96": 96_000,
    ".sln192": 192_000,
}
RAW_CODINGS: dict[str, RawCoding] = {
    **dict.fromkeys((".ulaw", ".mulaw", ".ul", ".ulw", ".mu", ".pcmu"), _CODINGS["mulaw"]),
    **dict.fromkeys((".alaw", ".al", ".alw", ".pcma"), _CODINGS["alaw"]),
    **{name: RawCoding("PCM_16", "pcm16", rate) for name, rate in _SIGNED_LINEAR_HZ.items()},
    ".gsm": RawCoding("GSM610", sample_rate_hz=GSM_RATE_HZ, is_interleaved=False),
    ".vox": RawCoding("VOX_ADPCM", is_interleaved=False),
}
# Names that several encodings share: `.pcm` is mu-law to Asterisk and linear to others.
UNNAMED_RAW_SUFFIXES = frozenset({".raw", ".pcm", ".g711", ".bin"})
CONTAINER_SUFFIXES = frozenset(
    ".wav .wave .wav16 .wav49 .bwf .rf64 .w64 .flac .mp3 .mpga .mp2 .ogg .oga .opus"
    " .au .snd .aif .aiff .aifc .caf .sph .voc".split()
)
# What FFmpeg alone reads, and what it must be told of a file without a header.
FFMPEG_SUFFIXES: dict[str, str | None] = {
    **dict.fromkeys(".m4a .m4b .mp4 .m4v .mov .3gp .3g2 .webm .weba .mkv .mka".split()),
    **dict.fromkeys(".aac .amr .awb .wma .asf .ac3 .spx".split()),
    ".g722": "g722",
    ".g723": "g723_1",
    ".g729": "g729",
}
AUDIO_SUFFIXES = CONTAINER_SUFFIXES | RAW_CODINGS.keys() | FFMPEG_SUFFIXES.keys()

_FFMPEG_STARTS = (  # offset and bytes of containers that FFmpeg alone reads
    (4, b"ftyp"),  # MP4 and its family
    (0, b"\x1a\x45\xdf\xa3"),  # Matroska, WebM
    (0, b"#!AMR"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),  # ASF: WMA
)
_SHARED_STARTS = (b"RIFF", b"RIFX", b"RF64", b"OggS", b"caff", b"FORM", b".snd")
LONGEST_START = 12


def raw_coding(path: Path, raw: RawFormat) -> RawCoding | None:
    """Return how to read ``path`` if its name, or else ``raw``, says that it has no header.

    Raises:
        AudioFormatError: It has none by its name, and nothing says how to read it.
    """
    suffix = path.suffix.lower()
    if suffix in RAW_CODINGS:
        return RAW_CODINGS[suffix]
    if suffix in CONTAINER_SUFFIXES or suffix in FFMPEG_SUFFIXES:
        return None
    return None if raw.encoding is None else _CODINGS[raw.encoding]


def check_named(path: Path, raw: RawFormat) -> None:
    """Refuse a file whose name says that it has no header, but not how to read it."""
    if raw.encoding is None and path.suffix.lower() in UNNAMED_RAW_SUFFIXES:
        raise AudioFormatError(f"{path}: has no header; say how to read it: --raw-encoding")


def is_for_ffmpeg(path: Path, start: bytes) -> bool:
    """Return whether libsndfile cannot read ``path``, by its first bytes or else its name."""
    if any(start.startswith(magic, offset) for offset, magic in _FFMPEG_STARTS):
        return True
    return path.suffix.lower() in FFMPEG_SUFFIXES and not start.startswith(_SHARED_STARTS)


def may_hold_other_codings(start: bytes) -> bool:
    """Return whether a file is a container that both libraries know, for more codings in FFmpeg."""
    return start.startswith(_SHARED_STARTS)

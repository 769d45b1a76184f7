"""Clips of audio with their transcripts: manifests of files, or folders of shards.

A manifest holds one JSON object a line::

    {"audio": "calls/0001.wav", "text": "Hello, how can I help?"}
    {"audio": "calls/0002.flac", "text": "Guten Tag.", "language": "de", "start_ms": 500,
     "end_ms": 4200}

``audio`` is relative to the manifest's folder; any file that libsndfile reads will do.
``start_ms`` and ``end_ms`` cut a clip out of it. ``text`` is what the weights are to write, empty
where nobody speaks. ``language`` is a code of Whisper.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import soundfile
import soxr

from models.audio.samples import SAMPLE_RATE_HZ
from schemas.errors import AudioFormatError
from training.asr.finetuning.recipe import WINDOW_SECONDS
from training.asr.speech.audio_files import read_mono
from training.asr.speech.utterances import SAMPLE_RATE_HZ as LINE_RATE_HZ
from training.asr.speech.utterances import SpeechPool
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from models.audio.samples import FloatArray

_LEAST_OF_LENGTH, _SPARE_SECONDS = 0.9, 0.1  # MP3 files do not know their length exactly


class ManifestRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a manifest."""

    audio: str
    text: str
    language: str = ""
    start_ms: int = 0
    end_ms: int | None = None


class Clip(msgspec.Struct, frozen=True):
    """A stretch of speech of at most 30 s.

    Attributes:
        location: Its line in a manifest or its number in a shard folder, for messages.
        text: What is said; empty where nobody speaks.
        language: A code of Whisper.
        seconds: How long it is.
        read: Returns the samples, mono at 16 kHz; a `MissingDataError` names the location of broken
            audio.
    """

    location: str
    text: str
    language: str
    seconds: float
    read: Callable[[], FloatArray]


def read_clips(sources: Sequence[str], data_folder: Path, *, language: str) -> list[Clip]:
    """Return the clips of manifests and shard folders, in order.

    Args:
        sources: Paths relative to ``data_folder``.
        data_folder: Their folder.
        language: Of clips whose manifest does not say.

    Raises:
        MissingDataError: A file is not there or not what it should be; the message names the line.
    """
    clips: list[Clip] = []
    for source in sources:
        path = data_folder / source
        found = list(_shard_clips(path, language) if path.is_dir() else _rows(path, language))
        if not found:
            raise MissingDataError(f"{path} holds no speech")
        clips += found
    return clips


def to_line_rate(samples: FloatArray) -> FloatArray:
    """Return 16 kHz samples at the telephone's 8 kHz."""
    return np.asarray(soxr.resample(samples, SAMPLE_RATE_HZ, LINE_RATE_HZ, "HQ"), np.float32)


def from_line_rate(samples: FloatArray) -> FloatArray:
    """Return 8 kHz samples at 16 kHz."""
    return np.asarray(soxr.resample(samples, LINE_RATE_HZ, SAMPLE_RATE_HZ, "HQ"), np.float32)


def _shard_clips(folder: Path, language: str) -> Iterator[Clip]:
    pool = SpeechPool([folder])
    for index, utterance in enumerate(pool.utterances):
        yield Clip(
            location=f"{folder}, utterance {index}",
            text=" ".join(utterance.words),
            language=language,
            seconds=utterance.samples / LINE_RATE_HZ,
            read=partial(_read_shard, pool, index),
        )


def _read_shard(pool: SpeechPool, index: int) -> FloatArray:
    return from_line_rate(pool.samples(index))


def _rows(manifest: Path, language: str) -> Iterator[Clip]:
    try:
        lines = manifest.read_text("utf-8").split("\n")  # a text may hold other line separators
    except (OSError, UnicodeDecodeError) as error:
        raise MissingDataError(f"the manifest {manifest} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            location = f"{manifest}:{number}"
            try:
                row = msgspec.json.decode(line, type=ManifestRow)
            except msgspec.DecodeError as error:
                raise MissingDataError(f"{location}: {error}") from error
            yield _clip(row, manifest.parent, location, language)


def _clip(row: ManifestRow, folder: Path, location: str, language: str) -> Clip:
    path = folder / row.audio
    try:
        seconds = float(soundfile.info(path).duration)
    except (soundfile.LibsndfileError, OSError) as error:
        raise MissingDataError(f"{location}: {path} cannot be read as audio") from error
    end = min(seconds, row.end_ms / 1000) if row.end_ms is not None else seconds
    length = end - row.start_ms / 1000
    if row.start_ms < 0 or length <= 0:
        raise MissingDataError(f"{location}: nothing is left between start_ms and end_ms")
    if length > WINDOW_SECONDS:
        raise MissingDataError(
            f"{location}: {length:.1f} s; Whisper takes {WINDOW_SECONDS:.0f} at most: "
            "cut it with start_ms and end_ms"
        )
    read = partial(_read_row, row, path, location, length)
    return Clip(location, row.text, row.language or language, length, read)


def _read_row(row: ManifestRow, path: Path, location: str, seconds: float) -> FloatArray:
    try:
        samples = read_mono(path, SAMPLE_RATE_HZ, start_ms=row.start_ms, end_ms=row.end_ms)
    except AudioFormatError as error:
        raise MissingDataError(f"{location}: {error}") from error
    found = len(samples) / SAMPLE_RATE_HZ
    if found < _LEAST_OF_LENGTH * seconds - _SPARE_SECONDS:
        raise MissingDataError(
            f"{location}: {path} ends early: it says {seconds:.1f} s, and {found:.1f} s are there"
        )
    return samples

"""Audio files of any rate and number of channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import soundfile
import soxr

from schemas.errors import AudioFormatError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read_mono(
    source: Path | BinaryIO,
    sample_rate_hz: int,
    *,
    start_ms: int = 0,
    end_ms: int | None = None,
) -> NDArray[np.float32]:
    """Return the mean of an audio file's channels, shape (n_samples,).

    Args:
        source: A file that libsndfile reads (WAV, FLAC, MP3, OGG ..).
        sample_rate_hz: Of the result.
        start_ms: Where to begin.
        end_ms: Where to stop; the file's end if not given.

    Raises:
        AudioFormatError: Not such a file, or one with samples that are no finite numbers.
    """
    try:
        with soundfile.SoundFile(source) as file:
            rate_hz = file.samplerate
            start = start_ms * rate_hz // 1000
            end = file.frames if end_ms is None else min(end_ms * rate_hz // 1000, file.frames)
            file.seek(min(start, file.frames))
            samples = file.read(max(end - start, 0), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioFormatError(f"{source} cannot be read as audio: {error}") from error
    if not np.isfinite(samples).all():
        raise AudioFormatError(f"{source} has samples that are no finite numbers")
    mono = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)
    if rate_hz != sample_rate_hz:
        mono = soxr.resample(mono, rate_hz, sample_rate_hz, "HQ")
    return np.ascontiguousarray(mono, dtype=np.float32)

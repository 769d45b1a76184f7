"""Stretches of continuous speech for the engine's benchmarks: the demo call's, or real people's."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from benchmarks.core.real_sets import load_real_sets
from benchmarks.core.reference import read_true_call
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray
from schemas.errors import AudioFormatError
from stream_app.demo.session import DEMO_CALL

REAL_SETS = ("librispeech", "harper_valley")
REAL_RECORDINGS = 24


def speech_windows(
    window_s: float, count: int, call: Path = DEMO_CALL, *, data: Path | None = None
) -> list[FloatArray]:
    """Return windows of one party after the other speaking without a pause.

    Args:
        window_s: Length of each.
        count: How many; the speech is repeated from another position if it is too short.
        call: Recording with ``reference.json`` beside it.
        data: Folder of public data, whose real speech is taken instead.

    Returns:
        Arrays of shape (window_s * 16000,), mono.

    Raises:
        AudioFormatError: There is no speech in it.
    """
    speech = continuous_speech(call) if data is None else real_speech(data)
    length = int(window_s * SAMPLE_RATE_HZ)
    stride = min(length, max(1, (len(speech) - 1) // max(count, 1)))
    looped = np.concatenate([speech] * (1 + (length + stride * count) // len(speech)))
    return [looped[n * stride : n * stride + length] for n in range(count)]


@lru_cache(maxsize=2)
def real_speech(data: Path) -> FloatArray:
    """Return recordings of many people over a telephone line, one after the other, at 16 kHz."""
    sets = load_real_sets(data, most=REAL_RECORDINGS, line="telephone", names=REAL_SETS)
    return np.concatenate([one.samples for each in sets.values() for one in each])


@lru_cache(maxsize=2)
def continuous_speech(call: Path) -> FloatArray:
    """Return all utterances of a call, channel by channel, at 16 kHz, without the pauses.

    Raises:
        AudioFormatError: There is no speech in it.
    """
    reference = read_true_call(call)
    audio, rate_hz = soundfile.read(call, dtype="float32", always_2d=True)
    pieces = [
        audio[one.start_ms * rate_hz // 1000 : one.end_ms * rate_hz // 1000, one.channel]
        for channel in reference.channels
        for one in reference.utterances
        if one.channel == channel
    ]
    if not pieces:
        raise AudioFormatError(f"{call}: no speech in it")
    speech = soxr.resample(np.concatenate(pieces), rate_hz, SAMPLE_RATE_HZ, "HQ")
    return np.asarray(speech, dtype=np.float32)

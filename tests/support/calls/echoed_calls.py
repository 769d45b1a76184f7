"""The bundled call with one party's voice on the other's leg."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.audio.samples import FloatArray
from schemas.audio import AudioTopicMessage
from tests.support.calls.recorded_calls import RATE_HZ, call_ended, call_started, chunk, demo_audio

LINE = np.array([0.08, -0.25, 0.7, 0.35, -0.2, 0.1, -0.05], dtype=np.float32)  # an echo's filter


def stretch(start_ms: int, end_ms: int) -> FloatArray:
    """Return audio of the bundled call, shape (n_samples, 2), 8 kHz."""
    return demo_audio()[start_ms * RATE_HZ // 1000 : end_ms * RATE_HZ // 1000]


def delayed(audio: FloatArray, delay_ms: int) -> FloatArray:
    """Return a channel later, or earlier where the delay is negative, with silence for the rest."""
    shift = delay_ms * RATE_HZ // 1000
    moved = np.zeros_like(audio)
    if shift >= 0:
        moved[shift:] = audio[: len(audio) - shift]
    else:
        moved[:shift] = audio[-shift:]
    return moved


def echo(audio: FloatArray, *, level_db: float, delay_ms: int) -> FloatArray:
    """Return the echo of a channel, through the filter of a line."""
    filtered = np.convolve(delayed(audio, delay_ms), LINE)[: len(audio)]
    return (filtered * 10 ** (level_db / 20)).astype(np.float32)


def with_echoes(audio: FloatArray, *, level_db: float = -20, delay_ms: int = 180) -> FloatArray:
    """Return two channels, each with the other one's echo."""
    first, second = audio[:, 0], audio[:, 1]
    return np.stack(
        [
            first + echo(second, level_db=level_db, delay_ms=delay_ms),
            second + echo(first, level_db=level_db, delay_ms=delay_ms),
        ],
        axis=1,
    )


def same_mix(audio: FloatArray, *, gains: Sequence[float] = (1.0, 1.0)) -> FloatArray:
    """Return channels that all have both parties."""
    mix = audio.sum(axis=1)
    return np.stack([mix * np.float32(gain) for gain in gains], axis=1)


def call_of(
    call_id: str, audio: FloatArray | NDArray[np.float32], *, chunk_ms: int = 100
) -> list[AudioTopicMessage]:
    """Return the messages of a call of 8 kHz audio, shape (n_samples, n_channels)."""
    step = chunk_ms * RATE_HZ // 1000
    chunks = [
        chunk(call_id, seq, start, audio[start : start + step])
        for seq, start in enumerate(range(0, len(audio), step))
    ]
    return [call_started(call_id), *chunks, call_ended(call_id)]

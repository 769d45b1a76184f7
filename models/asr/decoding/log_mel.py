"""The log-mel spectrogram that Whisper was trained on, in numpy."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from models.audio.samples import SAMPLE_RATE_HZ, FloatArray

WINDOW_SAMPLES = 400  # 25 ms
HOP_SAMPLES = 160  # 10 ms
FLOOR = 1e-10
DYNAMIC_RANGE = 8.0  # decades below the loudest value that are kept
LINEAR_TOP_HZ = 1000.0  # Slaney's scale is linear below it, logarithmic above
LINEAR_STEP_HZ = 200.0 / 3
LOG_STEP = np.log(6.4) / 27


def log_mel(samples: FloatArray, mel_bands: int = 80) -> FloatArray:
    """Return the log-mel spectrogram, time first.

    Args:
        samples: Mono in [-1, 1] at 16 kHz, shape (n_samples,), more than 200 of them.
        mel_bands: 80, or 128 for large-v3.

    Returns:
        Shape (n_samples // 160, mel_bands), one row per 10 ms.

    Source: Radford et al. 2022, arXiv:2212.04356, section 2.2; openai-whisper ``audio.py``.
    """
    padded = np.pad(samples, WINDOW_SAMPLES // 2, mode="reflect")
    frames = sliding_window_view(padded, WINDOW_SAMPLES)[::HOP_SAMPLES][:-1]
    mel_power = _power(frames) @ mel_filters(mel_bands)
    log_power = np.log10(np.maximum(mel_power, FLOOR, dtype=np.float32))
    log_power = np.maximum(log_power, log_power.max() - DYNAMIC_RANGE)
    spectrogram: FloatArray = (log_power + 4.0) / 4.0
    return spectrogram


def _power(frames: FloatArray) -> FloatArray:
    """Return the power spectrum of windowed frames, shape (n_frames, 201).

    Two products: the cosine sees only the even part of a frame and the sine only the odd one,
    which halves their size. Measured at a third of numpy's FFT, which takes row after row.
    """
    cosine, sine = _folded_basis()
    half = WINDOW_SAMPLES // 2
    mirrored = frames[:, :half:-1]  # the last sample down to the one after the middle
    even = np.empty((len(frames), half + 1), np.float32)
    even[:, 0], even[:, half] = frames[:, 0], frames[:, half]
    np.add(frames[:, 1:half], mirrored, out=even[:, 1:half])
    odd = frames[:, 1:half] - mirrored
    real, imaginary = even @ cosine, odd @ sine
    power: FloatArray = np.square(real, out=real) + np.square(imaginary, out=imaginary)
    return power


@lru_cache
def _folded_basis() -> tuple[FloatArray, FloatArray]:
    """Return cosine (201, 201) and sine (199, 201) times the periodic Hann window's first half."""
    half = WINDOW_SAMPLES // 2
    times = np.arange(half + 1)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * times / WINDOW_SAMPLES)
    phases = 2 * np.pi / WINDOW_SAMPLES * (times[:, None] * np.arange(half + 1)[None, :])
    cosine = (window[:, None] * np.cos(phases)).astype(np.float32)
    sine = (window[:, None] * np.sin(phases))[1:half].astype(np.float32)
    return cosine, sine


@lru_cache
def mel_filters(mel_bands: int) -> FloatArray:
    """Return triangular filters of equal area, shape (201, mel_bands).

    Source: Slaney 1998, "Auditory Toolbox", whose scale librosa and Whisper use.
    """
    nyquist_hz = SAMPLE_RATE_HZ / 2
    edges = _hz(np.linspace(0.0, float(_mel(nyquist_hz)), mel_bands + 2))
    bins = np.linspace(0.0, nyquist_hz, WINDOW_SAMPLES // 2 + 1)
    widths = np.diff(edges)
    distances = edges[:, None] - bins[None, :]
    rising = -distances[:-2] / widths[:-1, None]
    falling = distances[2:] / widths[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    areas = 2.0 / (edges[2:] - edges[:-2])
    return np.ascontiguousarray((triangles * areas[:, None]).T, dtype=np.float32)


def _mel(hz: float) -> float:
    if hz < LINEAR_TOP_HZ:
        return hz / LINEAR_STEP_HZ
    return float(LINEAR_TOP_HZ / LINEAR_STEP_HZ + np.log(hz / LINEAR_TOP_HZ) / LOG_STEP)


def _hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    corner = LINEAR_TOP_HZ / LINEAR_STEP_HZ
    above = LINEAR_TOP_HZ * np.exp(LOG_STEP * (mel - corner))
    return np.where(mel < corner, mel * LINEAR_STEP_HZ, above)

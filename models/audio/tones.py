"""The share of tones in a sound: signals of the network, machines, hum, held notes."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from models.audio.samples import SAMPLE_RATE_HZ, FloatArray, halved

RATE_HZ = SAMPLE_RATE_HZ // 2  # a telephone line carries nothing above 4 kHz
BLOCK_SAMPLES = RATE_HZ * 96 // 1000  # a Hann window of it resolves the harmonics of 50 Hz
HOP_SAMPLES = BLOCK_SAMPLES // 2
LAG_BLOCKS = BLOCK_SAMPLES // HOP_SAMPLES  # two blocks that share no sample
MIN_LIKENESS = 0.97  # cosine of two magnitude spectra
LOWEST_HZ = 20  # what lies below is no sound
NARROW_HZ = 400
NARROW_FROM_HZ = 800  # below it lies the first formant of a voice

_BIN_HZ = RATE_HZ / BLOCK_SAMPLES
_FIRST_BIN = int(LOWEST_HZ / _BIN_HZ) + 1


@dataclass(frozen=True, slots=True)
class ToneShares:
    """Shares of a sound's energy, 0 to 1.

    Attributes:
        steady: In blocks of 96 ms whose spectrum was, or will be, the same. A voice is never the
            same 96 ms later, however long a vowel; a tone is, and so is each note of hold music.
            Noise is not: its spectrum is another one in every block.
        narrow: In the strongest 400 Hz above 800 Hz: what fax machines and modems send.
    """

    steady: float = 0.0
    narrow: float = 0.0


def tone_shares(samples: FloatArray) -> ToneShares:
    """Return how much of a sound is tones.

    Args:
        samples: Mono at 16 kHz, shape (n_samples,); nothing is steady in less than 192 ms.
    """
    narrow = halved(samples)
    if len(narrow) < BLOCK_SAMPLES:
        narrow = np.pad(narrow, (0, BLOCK_SAMPLES - len(narrow)))
    blocks = np.lib.stride_tricks.sliding_window_view(narrow, BLOCK_SAMPLES)[::HOP_SAMPLES]
    spectra = np.fft.rfft(blocks * _window(), axis=1)[:, _FIRST_BIN:]
    powers = np.square(spectra.real) + np.square(spectra.imag)
    magnitudes = np.sqrt(powers)
    energy = powers.sum(axis=1)
    total = float(energy.sum())
    if not total:
        return ToneShares()
    inner = np.einsum("ij,ij->i", magnitudes[LAG_BLOCKS:], magnitudes[:-LAG_BLOCKS])
    is_alike = inner > MIN_LIKENESS * np.sqrt(energy[LAG_BLOCKS:] * energy[:-LAG_BLOCKS])
    is_steady = np.zeros(len(spectra), dtype=bool)
    is_steady[LAG_BLOCKS:] |= is_alike
    is_steady[:-LAG_BLOCKS] |= is_alike
    below = np.cumsum(powers.sum(axis=0))[int(NARROW_FROM_HZ / _BIN_HZ) - _FIRST_BIN :]
    width = int(NARROW_HZ / _BIN_HZ)
    return ToneShares(
        steady=float(energy[is_steady].sum()) / total,
        narrow=float((below[width:] - below[:-width]).max()) / total,
    )


@cache
def _window() -> FloatArray:
    window: FloatArray = np.hanning(BLOCK_SAMPLES).astype(np.float32)
    return window

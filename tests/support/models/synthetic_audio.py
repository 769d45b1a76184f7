"""Sounds that tests make themselves: no recorded file is needed to tell speech from noise."""

import numpy as np

from models.audio.samples import FloatArray

RATE_HZ = 16_000


def silence(ms: int, *, rate_hz: int = RATE_HZ) -> FloatArray:
    return np.zeros(rate_hz * ms // 1_000, dtype=np.float32)


def noise(ms: int, *, level: float = 0.05, seed: int = 0, rate_hz: int = RATE_HZ) -> FloatArray:
    generator = np.random.default_rng(seed)
    return (level * generator.standard_normal(rate_hz * ms // 1_000)).astype(np.float32)


def tones(
    ms: int, *frequencies_hz: float, level: float = 0.3, rate_hz: int = RATE_HZ
) -> FloatArray:
    time = np.arange(rate_hz * ms // 1_000) / rate_hz
    parts = [np.sin(2 * np.pi * frequency * time) for frequency in frequencies_hz]
    sound: FloatArray = (level * np.sum(parts, axis=0) / len(parts)).astype(np.float32)
    return sound


def fax(ms: int, *, level: float = 0.3, seed: int = 0, rate_hz: int = RATE_HZ) -> FloatArray:
    """Return frequency-shift keying of random bits, 300 a second, as V.21 has it."""
    bits = np.random.default_rng(seed).integers(0, 2, ms * 3 // 10 + 1)
    places = np.arange(rate_hz * ms // 1_000) * 300 // rate_hz
    frequency_hz = np.where(bits[places], 1_650, 1_850)
    phase = 2 * np.pi * np.cumsum(frequency_hz) / rate_hz
    sound: FloatArray = (level * np.sin(phase)).astype(np.float32)
    return sound


def babble(ms: int, *, level: float = 0.3, seed: int = 0, rate_hz: int = RATE_HZ) -> FloatArray:
    """Return syllables of a buzzing glottis behind gliding formants: speech to a detector."""
    generator = np.random.default_rng(seed)
    count = rate_hz * ms // 1_000
    time = np.arange(count) / rate_hz
    pitch_hz = 120 + 25 * np.sin(2 * np.pi * 0.7 * time) + 8 * np.sin(2 * np.pi * 3.1 * time)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / rate_hz
    syllables = np.sin(np.pi * (time * 4.2 % 1)) ** 0.5
    vowels = generator.uniform((300, 900, 2_200), (800, 2_100, 3_000), (ms // 230 + 2, 3))
    tracks = [np.interp(time, np.arange(len(vowels)) * 0.238, vowels[:, n]) for n in range(3)]
    sound = np.zeros(count)
    for harmonic in range(1, 28):
        frequency_hz = harmonic * pitch_hz
        gain = sum(np.exp(-(((frequency_hz - track) / 130) ** 2)) for track in tracks)
        sound += (gain + 0.01) / harmonic**0.5 * np.sin(harmonic * phase)
    sound *= syllables
    speech: FloatArray = (level * sound / np.abs(sound).max(initial=1e-9)).astype(np.float32)
    return speech

"""Music to train on, of other kinds than what is measured with: held chords, songs with drums."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import signal

from training.asr.speech.utterances import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Sound = NDArray[np.float64]
    Maker = Callable[[np.random.Generator, int], Sound]

_CHORDS = ((0, 4, 7), (0, 3, 7), (0, 5, 7), (0, 3, 6), (0, 4, 7, 11), (0, 3, 7, 10))
_ROOTS = (0, -2, -4, -5, 3, 5, 7)  # semitones from the key
_DETUNED_CENTS = (-9.0, 0.0, 7.0)  # several players of one note
_VIBRATO_CENTS = 12.0
_MOST_OCTAVES = 0.4
_TUNE_SHARE = 0.6  # of the beats


def held_chords(random: np.random.Generator, length: int) -> Sound:
    """Return slow chords of strings or of a synthesiser, as dark or bright as it happens.

    Args:
        random: Of every choice.
        length: Samples at 8 kHz.
    """
    key_hz = float(random.uniform(55, 240))
    chords = np.zeros(length)
    at = -int(random.uniform(0, 2) * SAMPLE_RATE_HZ)
    while at < length:
        held = int(random.uniform(1.5, 6) * SAMPLE_RATE_HZ)
        root = float(random.choice(_ROOTS))
        for step in _CHORDS[int(random.integers(len(_CHORDS)))]:
            note = _held_note(random, held, key_hz * 2 ** ((root + step) / 12))
            _mix(chords, at, note)
        at += int(held * 0.85)
    return _dulled(chords, float(random.uniform(400, 3600)))


def song(random: np.random.Generator, length: int) -> Sound:
    """Return drums and a bass under held chords and a tune.

    Args:
        random: Of every choice.
        length: Samples at 8 kHz.
    """
    beat = int(SAMPLE_RATE_HZ * random.uniform(0.25, 0.7))
    key_hz = float(random.uniform(40, 90))
    music = random.uniform(0, 1.2) * _loudness_one(held_chords(random, length))
    for number, at in enumerate(range(-int(random.integers(beat)), length, beat)):
        drum = _kick(random) if number % 2 == 0 else _snare(random)
        _mix(music, at, random.uniform(0.5, 1.5) * drum)
        _mix(music, at + beat // 2, 0.3 * _snare(random)[: SAMPLE_RATE_HZ // 40])
        step = float(random.choice(_ROOTS))
        _mix(music, at, 1.2 * _plucked(beat, key_hz * 2 ** (step / 12)))
        if random.random() < _TUNE_SHARE:
            _mix(music, at, 0.8 * _plucked(beat, 8 * key_hz * 2 ** (step / 12)))
    return music


def at_any_rate(make: Maker) -> Maker:
    """Return a maker of the same sound, played up to a third slower or faster."""

    def cut(random: np.random.Generator, length: int) -> Sound:
        rate = 2 ** random.uniform(-_MOST_OCTAVES, _MOST_OCTAVES)
        source = make(random, int(length * rate) + 2)
        played: Sound = np.interp(np.arange(length) * rate, np.arange(len(source)), source)
        return played

    return cut


def _held_note(random: np.random.Generator, length: int, pitch_hz: float) -> Sound:
    """Return a note that swells and fades, played by several, with vibrato."""
    clock = np.arange(length) / SAMPLE_RATE_HZ
    loudness = np.minimum(np.minimum(clock / 0.6, (length / SAMPLE_RATE_HZ - clock) / 0.6), 1)
    note = np.zeros(length)
    for cents in _DETUNED_CENTS:
        rate_hz = random.uniform(4, 6.5)
        bent = cents + _VIBRATO_CENTS * np.sin(2 * np.pi * rate_hz * clock)
        cycles = np.cumsum(pitch_hz * 2 ** (bent / 1200)) / SAMPLE_RATE_HZ + random.random()
        note += 2 * (cycles % 1) - 1
    return note * loudness


def _plucked(length: int, pitch_hz: float) -> Sound:
    clock = np.arange(length) / SAMPLE_RATE_HZ
    tones = sum(
        (np.sin(2 * np.pi * n * pitch_hz * clock) / n**1.3 for n in range(1, 6)), np.zeros(length)
    )
    return tones * np.exp(-4 * clock) * np.minimum(clock * 300, 1)


def _kick(random: np.random.Generator) -> Sound:
    clock = np.arange(SAMPLE_RATE_HZ // 5) / SAMPLE_RATE_HZ
    falling_hz = random.uniform(45, 70) + 120 * np.exp(-40 * clock)
    return np.sin(2 * np.pi * np.cumsum(falling_hz) / SAMPLE_RATE_HZ) * np.exp(-14 * clock) * 2


def _snare(random: np.random.Generator) -> Sound:
    length = SAMPLE_RATE_HZ // 6
    return random.standard_normal(length) * np.exp(-np.arange(length) / (SAMPLE_RATE_HZ * 0.03))


def _dulled(sound: Sound, cutoff_hz: float) -> Sound:
    sections = signal.butter(2, cutoff_hz, fs=SAMPLE_RATE_HZ, output="sos")
    dulled: Sound = signal.sosfilt(sections, sound)
    return dulled


def _loudness_one(sound: Sound) -> Sound:
    return sound / max(float(np.sqrt(np.mean(sound**2))), 1e-6)


def _mix(music: Sound, at: int, sound: Sound) -> None:
    """Add a sound that begins at this sample, which may lie before the first one."""
    first, end = max(at, 0), min(at + len(sound), len(music))
    if first < end:
        music[first:end] += sound[first - at : end - at]

"""Sound of telephone lines without words, for which a recognizer must write nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from scipy import signal

from training.asr.speech.audio_files import read_mono
from training.asr.speech.augment import Background
from training.asr.speech.music import at_any_rate, held_chords, song
from training.asr.speech.telephone_line import pass_through_g711
from training.asr.speech.utterances import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from models.audio.samples import FloatArray

    _Maker = Callable[[np.random.Generator, int], NDArray[np.float64]]

CLIP_MS = 15_000
STRETCHES_MS = (500, 1_000, 2_000)
LEVELS_DB = (-15.0, -25.0, -35.0, -45.0)  # RMS while there is sound, relative to full scale
SEED = 20_251_122

_NYQUIST_HZ = SAMPLE_RATE_HZ / 2
_SHORTEST = SAMPLE_RATE_HZ  # that every kind can be made of
_ROWS_HZ, _COLUMNS_HZ = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
_SPECIAL_INFORMATION_HZ = (950.0, 1400.0, 1800.0)
_V21_HZ, _V21_BAUD = (1850.0, 1650.0), 300
_BELL_PARTIALS = ((0.5, 0.4), (1.0, 1.0), (1.2, 0.5), (2.0, 0.6), (2.76, 0.25), (5.4, 0.1))


HELD_OUT_KINDS = frozenset({"fax", "gusts", "keys", "ringback eu", "scraping"})  # not trained on
HELD_OUT_MUSIC = ("ominous",)  # files' names, not trained on either
_TRAINING_LEVELS_DB = (-50.0, -12.0)


class NonSpeechClip(msgspec.Struct, frozen=True):
    """A stretch of line without words.

    Attributes:
        kind: What it is: a key of ``KINDS``, ``recorded noise``, or ``music`` and its file.
        level_db: RMS while there is sound, relative to full scale.
        samples: Mono at 8 kHz, as G.711 leaves it, shape (n_samples,).
    """

    kind: str
    level_db: float
    samples: FloatArray


def non_speech_clips(
    *, minutes: float = 30.0, seed: int = SEED, augment_folder: Path | None = None
) -> Iterator[NonSpeechClip]:
    """Yield clips of 15 s, every kind in turn, at several levels, through mu-law and A-law.

    The same arguments give the same samples.

    Args:
        minutes: Of all clips together.
        seed: Of every choice.
        augment_folder: With ``noise`` and ``hold_music`` for the recorded kinds; without one,
            all sound is synthetic.
    """
    makers: dict[str, _Maker] = dict(KINDS)
    if augment_folder is not None:
        makers["recorded noise"] = _recorded(Background(augment_folder).noises)
        for path in sorted((augment_folder / "hold_music").glob("*.flac")):
            makers[f"music {path.stem}"] = _recorded([read_mono(path, SAMPLE_RATE_HZ)])
    kinds = sorted(makers)
    length = SAMPLE_RATE_HZ * CLIP_MS // 1000
    for number in range(round(minutes * 60_000 / CLIP_MS)):
        kind, level_db = (
            kinds[number % len(kinds)],
            LEVELS_DB[number // len(kinds) % len(LEVELS_DB)],
        )
        random = np.random.default_rng([seed, number])
        samples = _at_level(makers[kind](random, length), level_db)
        coded = pass_through_g711(samples, a_law=number % 2 == 1)
        yield NonSpeechClip(kind, level_db, coded)


class NonSpeechSounds:
    """Draws sound without words to train on; never of a held-out kind.

    Args:
        background: Recorded noise and music, if any.
    """

    def __init__(self, background: Background) -> None:
        makers = {name: maker for name, maker in KINDS.items() if name not in HELD_OUT_KINDS}
        makers |= {"held chords": held_chords, "song": song}
        if background.noises:
            makers["recorded noise"] = _recorded(background.noises)
            makers["recorded music"] = at_any_rate(_recorded(background.music))
        self._makers = [makers[name] for name in sorted(makers)]

    def draw(self, random: np.random.Generator, length: int) -> FloatArray:
        """Return ``length`` samples at 8 kHz, of any kind and level, as G.711 leaves them."""
        maker = self._makers[int(random.integers(len(self._makers)))]
        sound = maker(random, max(length, _SHORTEST))[:length]
        samples = _at_level(sound, random.uniform(*_TRAINING_LEVELS_DB))
        return pass_through_g711(samples, a_law=bool(random.integers(2)))


def loudest_stretches(clips: Iterable[NonSpeechClip]) -> Iterator[NonSpeechClip]:
    """Yield the loudest 0.5, 1 or 2 s of each clip in turn, as short as segments of a call are."""
    for number, clip in enumerate(clips):
        length = SAMPLE_RATE_HZ * STRETCHES_MS[number % len(STRETCHES_MS)] // 1000
        energy = np.concatenate(([0.0], np.cumsum(np.square(clip.samples, dtype=np.float64))))
        start = int((energy[length:] - energy[:-length]).argmax())
        yield msgspec.structs.replace(clip, samples=clip.samples[start : start + length])


def _at_level(samples: NDArray[np.float64], level_db: float) -> FloatArray:
    """Return the samples with this RMS over the parts that are not silent."""
    peak = float(np.abs(samples).max())
    if not peak:
        return np.zeros(len(samples), dtype=np.float32)
    sounding = samples[np.abs(samples) > peak / 100]
    rms = float(np.sqrt(np.mean(sounding**2)))
    return np.asarray(np.clip(samples * (10 ** (level_db / 20) / rms), -1, 1), dtype=np.float32)


def _recorded(sources: Sequence[NDArray[np.float32]]) -> _Maker:
    def cut(random: np.random.Generator, length: int) -> NDArray[np.float64]:
        source = sources[int(random.integers(len(sources)))]
        start = int(random.integers(len(source)))
        return np.take(source, np.arange(start, start + length), mode="wrap").astype(np.float64)

    return cut


# Noises


def _silence(_random: np.random.Generator, length: int) -> NDArray[np.float64]:
    return np.zeros(length)


def _coloured(exponent: float) -> _Maker:
    """Return a maker of noise whose power falls with frequency to the power of ``exponent``."""

    def make(random: np.random.Generator, length: int) -> NDArray[np.float64]:
        spectrum = np.fft.rfft(random.standard_normal(length))
        frequency = np.maximum(np.arange(len(spectrum)), 1)
        return np.fft.irfft(spectrum * frequency ** (-exponent / 2), length)

    return make


def _band(random: np.random.Generator, length: int, low: float, high: float) -> NDArray[np.float64]:
    taps = signal.butter(4, (low, high), btype="band", fs=SAMPLE_RATE_HZ, output="sos")
    filtered: NDArray[np.float64] = signal.sosfilt(taps, random.standard_normal(length))
    return filtered


def _swell(random: np.random.Generator, length: int, rate_hz: float) -> NDArray[np.float64]:
    """Return a loudness in 0 to 1 that changes at about this rate."""
    points = max(int(length * rate_hz / SAMPLE_RATE_HZ), 2) + 2
    knots = random.uniform(0, 1, points) ** 2
    return np.interp(np.linspace(0, points - 1, length), np.arange(points), knots)


def _murmur(random: np.random.Generator, length: int) -> NDArray[np.float64]:
    """Return babble: noise in the bands of speech at its rhythm."""
    bands = ((120, 400), (300, 900), (800, 2000), (1800, 3200))
    weights = (1.0, 0.9, 0.45, 0.2)
    murmur = np.zeros(length)
    for (low, high), weight in zip(bands, weights, strict=True):
        loudness = 0.3 + _swell(random, length, random.uniform(3, 6))
        murmur += weight * loudness * _band(random, length, low, high)
    return murmur


def _gusts(random: np.random.Generator, length: int) -> NDArray[np.float64]:
    return _swell(random, length, 0.7) * _band(random, length, 60, 600)


def _breath(random: np.random.Generator, length: int) -> NDArray[np.float64]:
    clock = np.arange(length) / SAMPLE_RATE_HZ
    loudness = np.maximum(np.sin(2 * np.pi * random.uniform(0.2, 0.4) * clock), 0) ** 2
    return loudness * _band(random, length, 400, 3000)


def _hum(random: np.random.Generator, length: int) -> NDArray[np.float64]:
    mains_hz = float(random.choice((50.0, 60.0)))
    phases = random.uniform(0, 2 * np.pi, 12)
    clock = 2 * np.pi * mains_hz * np.arange(length) / SAMPLE_RATE_HZ
    return sum((np.sin(n * clock + phases[n - 1]) / n for n in range(1, 13)), np.zeros(length))


def _clicks(random: np.random.Generator, length: int) -> NDArray[np.float64]:
    hits = np.zeros(length)
    indices = random.integers(0, length, int(random.integers(10, 60)))
    hits[indices] = random.choice((-1.0, 1.0), len(indices)) * random.uniform(0.2, 1, len(indices))
    ring = np.exp(-np.arange(80) / 15) * np.cos(np.arange(80) * random.uniform(0.3, 2.5))
    clicks: NDArray[np.float64] = signal.fftconvolve(hits, ring)[:length]
    return clicks


def _scraping(random: np.random.Generator, length: int) -> NDArray[np.float64]:
    """Return the noise of a hand on the handset."""
    return _swell(random, length, 8) ** 3 * _band(random, length, 80, 2500)


# Tones of the network


def _tone(length: int, *frequencies_hz: float) -> NDArray[np.float64]:
    clock = 2 * np.pi * np.arange(length) / SAMPLE_RATE_HZ
    return sum((np.sin(frequency * clock) for frequency in frequencies_hz), np.zeros(length))


def _cadence(frequencies_hz: tuple[float, ...], on_ms: int, off_ms: int) -> _Maker:
    """Return a maker of tones that come and go, from anywhere in their period."""

    def make(random: np.random.Generator, length: int) -> NDArray[np.float64]:
        period = on_ms + off_ms
        clock_ms = np.arange(length) * 1000 / SAMPLE_RATE_HZ + random.uniform(0, period)
        return _tone(length, *frequencies_hz) * (clock_ms % period < on_ms)

    return make


def _keys(random: np.random.Generator, length: int) -> NDArray[np.float64]:
    keys = np.zeros(length)
    at = int(random.integers(SAMPLE_RATE_HZ // 2))
    while at < length:
        on = int(random.integers(480, 2400))
        pair = _tone(on, float(random.choice(_ROWS_HZ)), float(random.choice(_COLUMNS_HZ)))
        keys[at : at + on] = pair[: len(keys) - at]
        at += on + int(random.integers(480, 6400))
    return keys


def _special_information(random: np.random.Generator, length: int) -> NDArray[np.float64]:
    gap = np.zeros(SAMPLE_RATE_HZ * 2)
    tones = [_tone(SAMPLE_RATE_HZ * 33 // 100, hz) for hz in _SPECIAL_INFORMATION_HZ]
    return np.roll(np.resize(np.concatenate((*tones, gap)), length), int(random.integers(length)))


def _fax(random: np.random.Generator, length: int) -> NDArray[np.float64]:
    """Return calling tone, answer tone, then frequency-shift keying of random bits."""
    calling = _cadence((1100.0,), 500, 3000)(random, length // 3)
    answer = _tone(length // 5, 2100.0)
    samples_per_bit = SAMPLE_RATE_HZ / _V21_BAUD
    rest = length - len(calling) - len(answer)
    bits = random.integers(0, 2, int(rest / samples_per_bit) + 1)
    frequency = np.take(_V21_HZ, bits[(np.arange(rest) / samples_per_bit).astype(int)])
    keyed = np.sin(2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE_HZ)
    return np.concatenate((calling, answer, keyed))


# Music


def _music(random: np.random.Generator, length: int) -> NDArray[np.float64]:
    """Return a tune of plucked notes over held chords, as hold music has it."""
    root_hz = float(random.uniform(110, 220))
    scale = np.array((0, 2, 4, 5, 7, 9, 11, 12, 14, 16))
    music = np.zeros(length)
    beat = int(SAMPLE_RATE_HZ * random.uniform(0.18, 0.5))
    for number, at in enumerate(range(0, length, beat)):
        if number % 8 == 0:
            for step in (0, 4, 7):
                _add_note(music, at, root_hz * 2 ** (step / 12), 8 * beat, 0.4)
        step = int(scale[random.integers(len(scale))])
        _add_note(music, at, root_hz * 2 ** (1 + step / 12), 2 * beat, 1.0)
    return music


def _add_note(
    music: NDArray[np.float64], at: int, pitch_hz: float, length: int, loudness: float
) -> None:
    end = min(at + length, len(music))
    clock = np.arange(end - at) / SAMPLE_RATE_HZ
    decay = loudness * np.exp(-3 * clock * SAMPLE_RATE_HZ / length) * np.minimum(clock * 200, 1)
    for harmonic in range(1, 7):
        if harmonic * pitch_hz < _NYQUIST_HZ:
            overtone = np.sin(2 * np.pi * harmonic * pitch_hz * clock)
            music[at:end] += decay * overtone / harmonic**1.5


def _chimes(random: np.random.Generator, length: int) -> NDArray[np.float64]:
    """Return jingles of an announcement system: some bells in a row, and a pause."""
    chimes = np.zeros(length)
    at = int(random.integers(SAMPLE_RATE_HZ))
    while at < length:
        root_hz = float(random.uniform(350, 800))
        beat = int(SAMPLE_RATE_HZ * random.uniform(0.12, 0.4))
        for _ in range(int(random.integers(2, 6))):
            step = float(random.choice((-5, 0, 4, 7, 12)))
            _add_bell(chimes, at, root_hz * 2 ** (step / 12))
            at += beat
        at += int(SAMPLE_RATE_HZ * random.uniform(1, 4))
    return chimes


def _add_bell(chimes: NDArray[np.float64], at: int, pitch_hz: float) -> None:
    """Add a bell that rings for 1.5 s, its high partials for less."""
    clock = np.arange(len(chimes[at : at + SAMPLE_RATE_HZ * 3 // 2])) / SAMPLE_RATE_HZ
    for partial, loudness in _BELL_PARTIALS:
        if partial * pitch_hz < _NYQUIST_HZ:
            decay = loudness * np.exp(-clock * (2 + 2 * partial))
            chimes[at : at + len(clock)] += decay * np.sin(2 * np.pi * partial * pitch_hz * clock)


KINDS: dict[str, _Maker] = {
    "silence": _silence,
    "white noise": _coloured(0.0),
    "pink noise": _coloured(1.0),
    "brown noise": _coloured(2.0),
    "murmur": _murmur,
    "gusts": _gusts,
    "breath": _breath,
    "hum": _hum,
    "clicks": _clicks,
    "scraping": _scraping,
    "dial tone": _cadence((350.0, 440.0), 1000, 0),
    "ringback us": _cadence((440.0, 480.0), 2000, 4000),
    "ringback eu": _cadence((425.0,), 1000, 4000),
    "busy": _cadence((480.0, 620.0), 500, 500),
    "reorder": _cadence((480.0, 620.0), 250, 250),
    "recording beep": _cadence((1400.0,), 200, 3000),
    "special information": _special_information,
    "keys": _keys,
    "fax": _fax,
    "music": _music,
    "chimes": _chimes,
}

"""Augmentation of speech at 8 kHz: rooms, noises, telephone lines."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from scipy import signal

from training.asr.speech.audio_files import read_mono
from training.asr.speech.line_faults import lose_packets, overload, pass_through_low_rate_codec
from training.asr.speech.telephone_line import pass_through_g711
from training.asr.speech.utterances import SAMPLE_RATE_HZ
from training.core.errors import MissingDataError
from training.core.recipes import outside_unit

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from numpy.typing import NDArray

_BANDS_HZ = ((300, 3400), (200, 3600), (350, 3200), (250, 3000), (120, 3700), (400, 3400))
_TAPS = 65
_MAX_SNR_DB, _MAX_MUSIC_SNR_DB, _MAX_ECHO_DB = 40.0, 30.0, 40.0
_TONES_HZ = ((697, 770, 852, 941), (1209, 1336, 1477, 1633))


class Augmentation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often each effect comes, as probabilities, and how strong it may get.

    Attributes:
        filter_probability: A narrower band, tilted.
        noise_probability: Noise behind the speech, at ``min_snr_db`` or less of it.
        music_probability: Hold music behind it, likewise.
        reverb_probability: A room.
        echo_probability: Another voice, at ``min_echo_db`` or more under the speech.
        overload_probability: Clipped at up to ``max_overload`` times full scale.
        codec_probability: A codec of low rate on the way.
        loss_probability: Packets lost and concealed, up to ``max_loss`` of them.
        a_law_probability: A-law in place of mu-law.
        min_peak: Level of the speech: its peak lies between this and full scale.
    """

    filter_probability: float = 0.0
    noise_probability: float = 0.0
    music_probability: float = 0.0
    reverb_probability: float = 0.0
    echo_probability: float = 0.0
    overload_probability: float = 0.0
    codec_probability: float = 0.0
    loss_probability: float = 0.0
    a_law_probability: float = 0.3
    min_snr_db: float = 10.0
    min_echo_db: float = 22.0
    max_overload: float = 4.0
    max_loss: float = 0.06
    min_peak: float = 0.3


def wrong_augmentation(settings: Augmentation, table: str) -> list[str]:
    """Return what is wrong with the numbers of a line; ``table`` is its name in the recipe."""
    probabilities = {
        f"{table}.{name}": value
        for name, value in msgspec.structs.asdict(settings).items()
        if name.endswith("_probability")
    }
    least_db = _MAX_MUSIC_SNR_DB if settings.music_probability else _MAX_SNR_DB
    rules = {
        f"min_snr_db must be {least_db:.0f} or less": settings.min_snr_db <= least_db,
        f"min_echo_db must be {_MAX_ECHO_DB:.0f} or less": settings.min_echo_db <= _MAX_ECHO_DB,
        "max_overload must be 1 or more": settings.max_overload >= 1,
        "min_peak must lie in (0, 1]": 0 < settings.min_peak <= 1,
    }
    return [
        *outside_unit(probabilities | {f"{table}.max_loss": settings.max_loss}),
        *(f"{table}.{rule}" for rule, is_kept in rules.items() if not is_kept),
    ]


class Background:
    """Noise and hold music, behind speech or alone.

    Args:
        augment_folder: With folders ``noise`` and ``hold_music`` of FLAC files; without one, the
            only noise is coloured noise.
        without: Music to leave out, by its file's name without ``.flac``.
    """

    def __init__(self, augment_folder: Path | None, *, without: Collection[str] = ()) -> None:
        self.noises: list[NDArray[np.float32]] = []
        self.music: list[NDArray[np.float32]] = []
        if augment_folder is None:
            return
        self.noises = [_read(path) for path in sorted((augment_folder / "noise").glob("*.flac"))]
        music = sorted((augment_folder / "hold_music").glob("*.flac"))
        self.music = [_read(path) for path in music if path.stem not in without]
        if not self.noises or not self.music:
            message = f"{augment_folder} must hold noise/*.flac and hold_music/*.flac"
            raise MissingDataError(message)

    def cut(
        self, random: np.random.Generator, length: int, *, music: bool = False
    ) -> NDArray[np.float32]:
        """Return ``length`` samples of noise or music with RMS 1."""
        kind = random.random()
        sources = self.music if music else self.noises
        if (not music and kind < 0.5) or not sources:  # noqa: PLR2004
            return _unit(_coloured_noise(random, length))
        source = sources[int(random.integers(len(sources)))]
        start = int(random.integers(len(source)))
        return _unit(np.take(source, np.arange(start, start + length), mode="wrap"))


def _read(path: Path) -> NDArray[np.float32]:
    return read_mono(path, SAMPLE_RATE_HZ)


def _unit(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    rms = float(np.sqrt(np.mean(samples**2)))
    return samples / max(rms, 1e-4)


def _coloured_noise(random: np.random.Generator, length: int) -> NDArray[np.float32]:
    white = random.standard_normal(length, dtype=np.float32)
    smoothing = random.choice((0.0, 0.5, 0.9))
    return np.asarray(signal.lfilter([1.0], [1.0, -smoothing], white), dtype=np.float32)


@cache
def _band_filter(band: int, tilt: float) -> NDArray[np.float32]:
    low, high = _BANDS_HZ[band]
    edges = [0, low * 0.7, low, high, min(high * 1.15, 3990), 4000]
    gains = [0.0, 0.05, 1.0, 10 ** (tilt / 20), 0.05, 0.0]
    return np.asarray(signal.firwin2(_TAPS, edges, gains, fs=SAMPLE_RATE_HZ), dtype=np.float32)


def augment(
    samples: NDArray[np.float32],
    settings: Augmentation,
    background: Background,
    random: np.random.Generator,
    *,
    other: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return ``samples`` (8 kHz, same length) after a room, noise and a telephone line.

    Args:
        samples: Speech.
        settings: How often and how much.
        background: Noise and music.
        random: The draws; effects of probability 0 draw nothing.
        other: Speech of another party, for its echo.
    """
    if random.random() < settings.reverb_probability:
        samples = _reverberate(samples, random)
    if random.random() < settings.filter_probability:
        band = int(random.integers(len(_BANDS_HZ)))
        tilt = float(random.choice((-9.0, -4.0, 0.0, 4.0, 8.0)))
        samples = np.convolve(samples, _band_filter(band, tilt), mode="same")
    peak = float(np.exp(random.uniform(np.log(settings.min_peak), 0.0)))
    samples = samples * (peak / max(float(np.abs(samples).max()), 1e-3))
    if random.random() < settings.noise_probability:
        rms = float(np.sqrt(np.mean(samples**2)))
        snr_db = random.uniform(settings.min_snr_db, _MAX_SNR_DB)
        level = rms * 10 ** (-snr_db / 20)
        samples = samples + level * background.cut(random, len(samples))
    samples = _disturb(np.asarray(samples, np.float32), settings, background, random, other)
    a_law = bool(random.random() < settings.a_law_probability)
    return pass_through_g711(np.asarray(samples, dtype=np.float32), a_law=a_law)


def _disturb(
    samples: NDArray[np.float32],
    settings: Augmentation,
    background: Background,
    random: np.random.Generator,
    other: NDArray[np.float32] | None,
) -> NDArray[np.float32]:
    """Return speech after what other voices, music and networks do to it."""

    def comes(probability: float) -> bool:
        return probability > 0 and bool(random.random() < probability)

    rms = float(np.sqrt(np.mean(samples**2)))
    if comes(settings.music_probability):
        level = rms * 10 ** (-random.uniform(settings.min_snr_db, _MAX_MUSIC_SNR_DB) / 20)
        samples = samples + level * background.cut(random, len(samples), music=True)
    if other is not None and comes(settings.echo_probability):
        level = rms * 10 ** (-random.uniform(settings.min_echo_db, _MAX_ECHO_DB) / 20)
        samples = samples + level * _unit(np.resize(other, len(samples)))
    if comes(settings.overload_probability):
        peak = max(float(np.abs(samples).max()), 1e-3)
        samples = overload(samples, random.uniform(1.0, settings.max_overload) / peak)
    if comes(settings.codec_probability):
        samples = pass_through_low_rate_codec(np.asarray(samples, np.float32))
    if comes(settings.loss_probability):
        samples = lose_packets(samples, random, share=random.uniform(0.0, settings.max_loss))
    return np.asarray(samples, np.float32)


def _reverberate(samples: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    decay_ms = random.uniform(15.0, 80.0)
    taps = int(decay_ms * 3 * SAMPLE_RATE_HZ / 1000)
    decay = np.exp(-np.arange(taps) / (decay_ms * SAMPLE_RATE_HZ / 1000))
    response = random.standard_normal(taps) * decay * random.uniform(0.02, 0.12)
    response[0] = 1.0
    return np.asarray(signal.fftconvolve(samples, response)[: len(samples)], dtype=np.float32)


def non_speech(
    length: int, background: Background, random: np.random.Generator
) -> NDArray[np.float32]:
    """Return ``length`` samples (8 kHz) without words: silence, noise, music or key tones."""
    level = float(np.exp(random.uniform(np.log(0.0005), np.log(0.2))))
    match int(random.integers(4)):
        case 0:
            samples = background.cut(random, length) * min(level, 0.003)
        case 1:
            samples = background.cut(random, length) * level
        case 2:
            samples = background.cut(random, length, music=True) * level
        case _:
            samples = _key_tones(length, random) * level
    a_law = bool(random.random() < 0.3)  # noqa: PLR2004
    return pass_through_g711(np.asarray(samples, dtype=np.float32), a_law=a_law)


def _key_tones(length: int, random: np.random.Generator) -> NDArray[np.float32]:
    clock = np.arange(length) / SAMPLE_RATE_HZ
    samples = np.zeros(length)
    at = random.uniform(0.0, 0.3)
    while at < clock[-1]:
        on = (clock >= at) & (clock < at + random.uniform(0.06, 0.25))
        for tones in _TONES_HZ:
            samples += on * np.sin(2 * np.pi * random.choice(tones) * clock)
        at += random.uniform(0.15, 0.8)
    return samples.astype(np.float32)

"""Calls of two speakers: in turns or at the same time, without and with one another's echo."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfilt

from models.audio.g711 import decode_mulaw, encode_mulaw
from models.audio.samples import FloatArray

RATE_HZ = 8_000
LINE_NOISE = 10 ** (-60 / 20)  # RMS, relative to full scale
SPEECH_RMS = 10 ** (-22 / 20)
LINE_BAND_HZ = (300, 3_400)
DRIVE = 3.0  # of the non-linear part of some lines
LEVELS_DB = (-10, -15, -20, -25, -30, -35, -40)
DELAYS_MS = (20, 60, 120, 180, 250, 400)


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """An utterance: mono at 8 kHz, shape (n_samples,), and its number of words."""

    samples: FloatArray
    words: int


@dataclass(frozen=True, slots=True)
class EchoLine:
    """The way by which a party's voice comes back on the other leg.

    Attributes:
        level_db: Of the echo to the original.
        delay_ms: Of the echo.
        is_linear: Else it is driven into saturation.
    """

    level_db: float
    delay_ms: int
    is_linear: bool

    @property
    def name(self) -> str:
        """Return what a table calls it."""
        line = "line filter" if self.is_linear else "line filter, saturated"
        return f"{self.level_db:g} dB, {self.delay_ms} ms, {line}"


def echo_lines(count: int) -> list[EchoLine]:
    """Return so many echoes of all levels and delays, every other one with a non-linear part."""
    return [
        EchoLine(LEVELS_DB[n % len(LEVELS_DB)], DELAYS_MS[n % len(DELAYS_MS)], is_linear=n % 2 == 0)
        for n in range(count)
    ]


def double_talk(first: Sequence[Said], second: Sequence[Said], *, seed: int) -> FloatArray:
    """Return a call in which each party goes on while the other one speaks, shape (n, 2)."""
    rng = np.random.default_rng(seed)
    legs = [_leg(own, 0.4 + 0.8 * n, (0.3, 1.2), rng) for n, own in enumerate((first, second))]
    return over_the_line(beside(legs, rng))


def turn_by_turn(first: Sequence[Said], second: Sequence[Said], *, seed: int) -> FloatArray:
    """Return a call whose parties speak in turns, a pause of 0.3 to 1.2 s between, shape (n, 2)."""
    rng = np.random.default_rng(seed)
    legs: tuple[list[FloatArray], list[FloatArray]] = ([], [])
    for pair in zip(first, second, strict=False):
        for speaker, said in enumerate(pair):
            utterance = said.samples
            pause = _silence(float(rng.uniform(0.3, 1.2)))
            legs[speaker].extend([pause, _at_level(utterance)])
            legs[1 - speaker].append(np.zeros(len(pause) + len(utterance), np.float32))
    return over_the_line(beside([np.concatenate(leg) for leg in legs], rng))


def with_echo(call: FloatArray, line: EchoLine) -> FloatArray:
    """Return a call in which each leg has the echo of the other one too."""
    first, second = call[:, 0], call[:, 1]
    mixed = np.stack([first + _echo(second, line), second + _echo(first, line)], axis=1)
    return over_the_line(mixed)


def same_mix(call: FloatArray) -> FloatArray:
    """Return a call both legs of which have both parties."""
    mix = call.sum(axis=1)
    return over_the_line(np.stack([mix, mix], axis=1))


def over_the_line(call: FloatArray) -> FloatArray:
    """Return audio as mu-law carries it."""
    coded = (decode_mulaw(encode_mulaw(np.ascontiguousarray(leg))) for leg in call.T)
    return np.stack(list(coded), axis=1)


def beside(legs: Sequence[FloatArray], rng: np.random.Generator) -> FloatArray:
    """Return legs as one call, with the noise of their lines and a second of it at the end."""
    audio = np.zeros((max(map(len, legs)) + RATE_HZ, len(legs)), np.float32)
    for number, leg in enumerate(legs):
        audio[: len(leg), number] = leg
    noise = rng.standard_normal(audio.shape) * LINE_NOISE
    return (audio + noise).astype(np.float32)


def pairs(
    speakers: Sequence[Sequence[Said]], utterances: int
) -> Iterator[tuple[list[Said], list[Said]]]:
    """Yield without end two different speakers with so many utterances of each."""
    count = len(speakers)
    for turn in itertools.count():
        first, second = turn % count, (turn + 1 + turn // count % (count - 1)) % count
        yield (
            [speakers[first][(turn + n) % len(speakers[first])] for n in range(utterances)],
            [speakers[second][(turn + n) % len(speakers[second])] for n in range(utterances)],
        )


def _leg(
    utterances: Sequence[Said],
    start_s: float,
    pauses_s: tuple[float, float],
    rng: np.random.Generator,
) -> FloatArray:
    parts = [_silence(start_s)]
    for utterance in utterances:
        parts += [_at_level(utterance.samples), _silence(float(rng.uniform(*pauses_s)))]
    return np.concatenate(parts)


def _echo(original: FloatArray, line: EchoLine) -> FloatArray:
    delay = line.delay_ms * RATE_HZ // 1000
    late = np.concatenate((np.zeros(delay, np.float32), original[: len(original) - delay]))
    band = butter(4, LINE_BAND_HZ, btype="band", fs=RATE_HZ, output="sos")
    heard = sosfilt(band, late)
    if not line.is_linear:
        heard = np.tanh(DRIVE * heard) / DRIVE
    return np.asarray(heard * 10 ** (line.level_db / 20), np.float32)


def _at_level(utterance: FloatArray) -> FloatArray:
    rms = float(np.sqrt(np.mean(np.square(utterance))))
    scaled = utterance * (SPEECH_RMS / max(rms, 1e-9))
    return np.asarray(np.clip(scaled, -0.99, 0.99), np.float32)


def _silence(duration_s: float) -> FloatArray:
    return np.zeros(int(duration_s * RATE_HZ), np.float32)

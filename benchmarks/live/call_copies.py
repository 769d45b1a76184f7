"""Copies of a recorded call, with other beginnings and voices so that turns do not coincide."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import soundfile
import soxr

from benchmarks.core.reference import TrueCall, TrueUtterance, TrueWord, read_true_call
from models.audio.samples import FloatArray
from schemas.errors import ConfigurationError

SPEEDS = (1.0, 0.95, 1.05, 0.97, 1.03)  # of the tape: tempo and pitch, so another voice
MIN_GAP_MS = 200
VARIANTS = 10


@dataclass(frozen=True, slots=True)
class CallCopy:
    """A recording and what is said in it.

    Attributes:
        path: WAV, mu-law, 8 kHz or whatever the original has.
        call: Its exact words and their times.
    """

    path: Path
    call: TrueCall


def make_copies(recording: Path, seconds: float, folder: Path) -> list[CallCopy]:
    """Return variants of a call, each ``seconds`` long, written to ``folder``.

    Each begins in another pause of the original and goes round, at another speed of the tape;
    every second one has its channels exchanged.

    Args:
        recording: With its reference beside it.
        seconds: Length; shorter and longer than the original are both fine.
        folder: For the files.

    Raises:
        ConfigurationError: No reference, or nothing but speech in it.
    """
    call = read_true_call(recording)
    audio, rate_hz = soundfile.read(recording, dtype="float32", always_2d=True)
    pauses = quiet_middles(call)
    if not pauses:
        raise ConfigurationError(f"{recording}: has no pause in which a copy could begin")
    folder.mkdir(parents=True, exist_ok=True)
    copies = []
    for number in range(min(VARIANTS, 2 * len(pauses))):
        begin_ms = pauses[number * len(pauses) // VARIANTS % len(pauses)]
        speed = SPEEDS[number % len(SPEEDS)]
        is_swapped = number % 2 == 1
        path = folder / f"copy-{number}.wav"
        samples = _turned(audio, begin_ms * rate_hz // 1000, speed, int(seconds * rate_hz))
        soundfile.write(path, samples[:, ::-1] if is_swapped else samples, rate_hz, "ULAW")
        said = turned_call(call, begin_ms, speed, int(seconds * 1000))
        copies.append(CallCopy(path, swapped_call(said) if is_swapped else said))
    return copies


def quiet_middles(call: TrueCall) -> list[int]:
    """Return the middles of the pauses between utterances, in ms."""
    middles, silent_since_ms = [], 0
    for utterance in sorted(call.utterances, key=lambda one: one.start_ms):
        if utterance.start_ms - silent_since_ms >= MIN_GAP_MS:
            middles.append((silent_since_ms + utterance.start_ms) // 2)
        silent_since_ms = max(silent_since_ms, utterance.end_ms)
    return middles


def turned_call(call: TrueCall, begin_ms: int, speed: float, length_ms: int) -> TrueCall:
    """Return what is said when a call is played from ``begin_ms`` on, round and round.

    Words that are cut off at the end are left out.
    """
    utterances = []
    for shift_ms in _shifts_ms(call.duration_ms, begin_ms, length_ms * speed):
        for one in call.utterances:
            words = tuple(
                TrueWord(word.text, *_moved(word.start_ms, word.end_ms, shift_ms, speed))
                for word in one.words
            )
            kept = tuple(w for w in words if w.start_ms >= 0 and w.end_ms <= length_ms)
            if kept:
                moved = TrueUtterance(one.channel, kept[0].start_ms, kept[-1].end_ms, kept)
                utterances.append(moved)
    return TrueCall(length_ms, tuple(sorted(utterances, key=lambda one: one.start_ms)))


def swapped_call(call: TrueCall) -> TrueCall:
    """Return a call of two channels with the channels exchanged."""
    swapped = (
        TrueUtterance(1 - one.channel, one.start_ms, one.end_ms, one.words)
        for one in call.utterances
    )
    return TrueCall(call.duration_ms, tuple(swapped))


def _shifts_ms(duration_ms: int, begin_ms: int, wanted_ms: float) -> Iterator[int]:
    for turn in count():
        shift_ms = turn * duration_ms - begin_ms
        if shift_ms >= wanted_ms:
            return
        yield shift_ms


def _moved(start_ms: int, end_ms: int, shift_ms: int, speed: float) -> tuple[int, int]:
    return round((start_ms + shift_ms) / speed), round((end_ms + shift_ms) / speed)


def _turned(audio: FloatArray, begin: int, speed: float, length: int) -> FloatArray:
    """Return ``length`` samples from ``begin`` on, round and round, shape (length, channels)."""
    source = int(length * speed) + 1
    turns = 1 + (begin + source) // len(audio)
    played = np.concatenate([audio] * (turns + 1))[begin : begin + source]
    if speed != 1.0:
        played = soxr.resample(played, speed * 8_000, 8_000, "HQ")
    result = np.zeros((length, audio.shape[1]), dtype=np.float32)
    result[: len(played)] = played[:length]
    return result

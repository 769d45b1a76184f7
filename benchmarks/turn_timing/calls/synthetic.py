"""Two-party telephone calls made from a seed: every pause and every end of turn is known exactly.

A sentence is spoken in one go and cut between two words, where silence is put in: the words before
a pause sound as they do in the middle of a sentence, as those of a speaker who hesitates do.
"""

import ctypes
from collections.abc import Iterator
from random import Random
from typing import get_args

import msgspec
import numpy as np
import soxr

from benchmarks.core.reference import TrueWord
from benchmarks.turn_timing.calls.script import (
    PauseKind,
    Role,
    ScriptedSentence,
    ScriptedTurn,
    write_script,
)
from benchmarks.turn_timing.calls.truth import RATE_HZ, TimedCall, TruePause, TrueTurn
from models.audio.samples import FloatArray
from training.asr.speech.augment import Augmentation, Background, augment
from training.asr.synthesis.espeak import Espeak, EspeakSettings
from training.asr.synthesis.flite import Flite, FliteSettings
from training.asr.synthesis.speech import Speech

PAUSES_MS: dict[PauseKind, tuple[int, int]] = {
    "mid_sentence": (200, 2_000),
    "between_sentences": (200, 2_000),
    "dictation": (200, 2_000),
}
RESPONSE_MS = (300, 1_200)  # from one party's end to the other's begin
OWN_SILENCE_MS = 3_600  # of a party between two turns, at least: every system has time to decide
TAIL_MS = 4_000
LEAD_MS = 500
_FADE = RATE_HZ * 5 // 1000
_LEVEL_WINDOW = RATE_HZ // 100
_AUDIBLE = 10 ** (-40 / 20)  # of the loudest window: what is quieter, no one takes for speech
_PEAK = 0.5
_NOISE_SEED = 1  # both draw the noise of their sounds from the C library's generator
_FLITE_SHARE = 0.6
_FLITE_VOICES = ("slt", "rms", "awb", "kal16")
_ESPEAK_VOICES = (
    "en-us+f4", "en-gb-scotland+m4", "en+benjamin", "en-us+robert", "en-gb-x-gbcwmd+f4",
    "en-us+Michael", "en-us+f2", "en-us+m3", "en-gb-x-rp+Andrea", "en+klatt4",
)  # fmt: skip
_LINE = Augmentation(
    filter_probability=1.0, noise_probability=1.0, a_law_probability=0.0, min_snr_db=18.0
)

Voice = FliteSettings | EspeakSettings


class CallOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which synthetic calls.

    Attributes:
        seed: The same one gives the same calls.
        calls: How many.
        turns: Of each call.
    """

    seed: int = 5
    calls: int = 48
    turns: int = 11


class Voices:
    """Both synthesisers, loaded once.

    espeak-ng carries state from one sentence to the next: it says the same in every process that
    asks for the same sentences in the same order.
    """

    def __init__(self) -> None:
        self._flite = Flite()
        self._espeak = Espeak()
        self._c_library = ctypes.CDLL(None)

    def speak(self, sentence: ScriptedSentence, voice: Voice) -> tuple[FloatArray, list[int]]:
        """Return a sentence at 8 kHz, shape (n_samples,), and at which sample each word begins."""
        text = sentence.sentence.spoken_text
        self._c_library.srand(ctypes.c_uint(_NOISE_SEED))
        speech = (
            self._flite.speak(text, voice)
            if isinstance(voice, FliteSettings)
            else self._espeak.speak(text, voice)
        )
        return _at_telephone_rate(speech), _word_samples(speech, len(sentence.sentence.words))


def _at_telephone_rate(speech: Speech) -> FloatArray:
    samples = soxr.resample(speech.samples, speech.sample_rate_hz, RATE_HZ, "HQ")
    return np.asarray(samples * (_PEAK / max(float(np.abs(samples).max()), 1e-3)), np.float32)


def _word_samples(speech: Speech, words: int) -> list[int]:
    """Return where each word begins; spread evenly where the synthesiser does not say."""
    if len(speech.word_spans_ms) == words:
        return [start * RATE_HZ // 1000 for start, _ in speech.word_spans_ms]
    length = len(speech.samples) * RATE_HZ // speech.sample_rate_hz
    return [length * n // words for n in range(words)]


def make_calls(options: CallOptions) -> Iterator[TimedCall]:
    """Yield synthetic calls; a new process makes the same ones from the same options.

    Raises:
        SynthesiserMissingError: flite or espeak-ng is not installed.
    """
    voices = Voices()
    for number in range(options.calls):
        random = Random(f"turn-timing-{options.seed}-{number}")
        script = write_script(random, turns=options.turns)
        yield speak_call(f"synthetic-{options.seed}-{number:03d}", script, voices, random)


def speak_call(name: str, script: list[ScriptedTurn], voices: Voices, random: Random) -> TimedCall:
    """Return a spoken script with everything it sounds like on a telephone line."""
    roles: tuple[Role, ...] = get_args(Role)
    speakers = {role: _draw_voice(random) for role in roles}
    placed: list[tuple[int, int, FloatArray]] = []
    turns: list[TrueTurn] = []
    free_from_ms, clock_ms = dict.fromkeys(roles, LEAD_MS), LEAD_MS
    for written in script:
        samples, turn = _speak_turn(written, voices, speakers[written.role], random)
        start_ms = max(clock_ms + random.randint(*RESPONSE_MS), free_from_ms[written.role])
        channel = roles.index(written.role)
        placed.append((channel, start_ms, samples))
        turns.append(_moved(turn, channel, start_ms))
        clock_ms = turns[-1].end_ms
        free_from_ms[written.role] = clock_ms + OWN_SILENCE_MS
    duration_ms = clock_ms + TAIL_MS
    audio = np.zeros((duration_ms * RATE_HZ // 1000, len(roles)), np.float32)
    for channel, start_ms, samples in placed:
        start = start_ms * RATE_HZ // 1000
        audio[start : start + len(samples), channel] += samples
    generator = np.random.default_rng(random.randrange(2**32))
    line = [augment(own, _LINE, Background(None), generator) for own in audio.T]
    return TimedCall(name, roles, tuple(turns), duration_ms, np.stack(line, axis=1))


def _draw_voice(random: Random) -> Voice:
    if random.random() < _FLITE_SHARE:
        return FliteSettings(
            random.choice(_FLITE_VOICES),
            duration_stretch=round(random.uniform(0.85, 1.1), 2),
            pitch_factor=round(random.uniform(0.9, 1.15), 2),
        )
    return EspeakSettings(
        random.choice(_ESPEAK_VOICES),
        words_per_minute=random.randint(135, 190),
        pitch=random.randint(30, 70),
        pitch_range=random.randint(35, 75),
    )


class _Piece(msgspec.Struct, frozen=True):
    """What is spoken without a pause, and the pause that follows it, if any."""

    samples: FloatArray
    words: tuple[TrueWord, ...]
    pause: PauseKind | None


def _speak_turn(
    written: ScriptedTurn, voices: Voices, voice: Voice, random: Random
) -> tuple[FloatArray, TrueTurn]:
    """Return a turn's samples and its truth, on channel 0 and from 0 ms on."""
    pieces: list[_Piece] = []
    for number, sentence in enumerate(written.sentences):
        spoken = _pieces(sentence, *voices.speak(sentence, voice))
        is_last = number == len(written.sentences) - 1
        after: PauseKind | None = None if is_last else "between_sentences"
        pieces += [*spoken[:-1], msgspec.structs.replace(spoken[-1], pause=after)]
    stretches: list[FloatArray] = []
    words: list[TrueWord] = []
    pauses: list[TruePause] = []
    clock = 0
    for piece in pieces:
        start_ms = clock * 1000 // RATE_HZ
        words += [TrueWord(w.text, w.start_ms + start_ms, w.end_ms + start_ms) for w in piece.words]
        stretches.append(piece.samples)
        clock += len(piece.samples)
        if piece.pause is not None:
            silence_ms = random.randint(*PAUSES_MS[piece.pause])
            stretches.append(np.zeros(silence_ms * RATE_HZ // 1000, np.float32))
            end_ms = clock * 1000 // RATE_HZ
            pauses.append(TruePause(end_ms, end_ms + silence_ms, piece.pause))
            clock += len(stretches[-1])
    return np.concatenate(stretches), TrueTurn(0, tuple(words), tuple(pauses))


def _pieces(
    sentence: ScriptedSentence, samples: FloatArray, word_samples: list[int]
) -> list[_Piece]:
    """Return a sentence cut at its breaks, each piece from its first to its last sound."""
    words = sentence.sentence.words
    breaks = _possible_breaks(sentence.breaks, word_samples)
    edges = [0, *(index for index, _ in breaks), len(words)]
    kinds: list[PauseKind | None] = [*(kind for _, kind in breaks), None]
    cuts = [0, *(word_samples[index] for index, _ in breaks), len(samples)]
    pieces = []
    for n, kind in enumerate(kinds):
        first, last = _audible(samples[cuts[n] : cuts[n + 1]])
        heard = _faded(samples[cuts[n] + first : cuts[n] + last])
        starts = [max(at - cuts[n] - first, 0) for at in word_samples[edges[n] : edges[n + 1]]]
        ends = [*starts[1:], len(heard)]
        said = tuple(
            TrueWord(word, start * 1000 // RATE_HZ, end * 1000 // RATE_HZ)
            for word, start, end in zip(words[edges[n] : edges[n + 1]], starts, ends, strict=True)
        )
        pieces.append(_Piece(heard, said, kind))
    return pieces


def _possible_breaks(
    breaks: tuple[tuple[int, PauseKind], ...], word_samples: list[int]
) -> list[tuple[int, PauseKind]]:
    """Return the breaks, moved on where the synthesiser runs two words together."""
    found: dict[int, PauseKind] = {}
    for index, kind in breaks:
        while index < len(word_samples) and word_samples[index] <= word_samples[index - 1]:
            index += 1  # noqa: PLW2901 - the next index that can be
        if index < len(word_samples):
            found[index] = kind
    return sorted(found.items())


def _audible(samples: FloatArray) -> tuple[int, int]:
    """Return where the first sound begins and the last one ends."""
    windows = samples[: len(samples) // _LEVEL_WINDOW * _LEVEL_WINDOW].reshape(-1, _LEVEL_WINDOW)
    levels = np.sqrt(np.mean(windows**2, axis=1)) if len(windows) else np.zeros(0)
    loud = np.flatnonzero(levels > _AUDIBLE * max(levels.max(initial=0.0), 1e-4))
    if not len(loud):
        return 0, len(samples)
    return int(loud[0]) * _LEVEL_WINDOW, (int(loud[-1]) + 1) * _LEVEL_WINDOW


def _faded(samples: FloatArray) -> FloatArray:
    faded = samples.copy()
    length = min(_FADE, len(faded) // 2)
    ramp = np.linspace(0.0, 1.0, length, dtype=np.float32)
    faded[:length] *= ramp
    faded[len(faded) - length :] *= ramp[::-1]
    return faded


def _moved(turn: TrueTurn, channel: int, by_ms: int) -> TrueTurn:
    words = tuple(TrueWord(w.text, w.start_ms + by_ms, w.end_ms + by_ms) for w in turn.words)
    pauses = tuple(TruePause(p.start_ms + by_ms, p.end_ms + by_ms, p.kind) for p in turn.pauses)
    return TrueTurn(channel, words, pauses)

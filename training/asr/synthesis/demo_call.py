"""The bundled demo call: a written dialogue, spoken, as a two-channel telephone recording."""

from __future__ import annotations

import importlib.resources
import struct
import tomllib
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
import soxr

from models.audio.g711 import encode_mulaw
from training.asr.speech.utterances import SAMPLE_RATE_HZ
from training.asr.synthesis.flite import Flite, FliteSettings
from training.core.json_files import write_json
from training.text.spoken_words import parse_sentence, split_sentences

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from training.asr.synthesis.speech import Speech
    from training.text.spoken_words import Sentence

_PARTIES = ("agent", "customer")
_PEAK = 0.5
_SENTENCE_PAUSE_MS = 220
_MU_LAW_FORMAT = 7


class CallContext(msgspec.Struct, frozen=True):
    """What telephony knows of the call; becomes the sidecar JSON."""

    call_id: str
    direction: str
    agent_id: str
    queue: str
    queue_wait_ms: int
    language: str
    domain: str
    channel_parties: tuple[str, ...]


class CallAudio(msgspec.Struct, frozen=True):
    """Line noise (dB below full scale), its seed, and silence after the last word."""

    seed: int
    noise_db: float
    tail_ms: int


class PartyVoice(msgspec.Struct, frozen=True, tag_field="engine", tag="flite"):
    """The flite voice of one party."""

    voice: str
    duration_stretch: float
    pitch_factor: float


class DialogueLine(msgspec.Struct, frozen=True):
    """One party's turn; ``after_ms`` may be negative, and then it overlaps the line before."""

    party: Literal["agent", "customer"]
    after_ms: int
    text: str


class DemoDialogue(msgspec.Struct, frozen=True):
    """The written call."""

    context: CallContext
    audio: CallAudio
    voices: dict[str, PartyVoice]
    lines: tuple[DialogueLine, ...]


class Word(msgspec.Struct, frozen=True):
    """A reference word on the call's audio clock."""

    text: str
    start_ms: int
    end_ms: int


class SpokenLine(msgspec.Struct, frozen=True):
    """A line's reference: its channel, its times and its words."""

    channel: int
    party: str
    start_ms: int
    end_ms: int
    text: str
    words: tuple[Word, ...]


def read_dialogue() -> DemoDialogue:
    """Return the dialogue of the package."""
    text = importlib.resources.files("training.asr").joinpath("demo_call.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), DemoDialogue)


def dialogue_texts(dialogue: DemoDialogue) -> set[tuple[str, ...]]:
    """Return the word sequences of every line and sentence: training must not contain them.

    One- and two-word replies ("okay", "uh huh") are common to all calls and are left out.
    """
    texts = set()
    for line in dialogue.lines:
        for part in (line.text, *split_sentences(line.text)):
            sentence = parse_sentence(part)
            if sentence and len(sentence.words) > 2:  # noqa: PLR2004
                texts.add(sentence.words)
    return texts


def write_demo_call(folder: Path) -> None:
    """Write ``call.wav``, ``call.json`` and ``reference.json``; the same bytes every time."""
    dialogue = read_dialogue()
    channels, spoken = _speak_dialogue(dialogue)
    folder.mkdir(parents=True, exist_ok=True)
    payload = encode_mulaw(_add_line_noise(channels, dialogue.audio).T.reshape(-1))
    (folder / "call.wav").write_bytes(_mu_law_wav(payload, channels=len(_PARTIES)))
    context = msgspec.to_builtins(dialogue.context)
    write_json(folder / "call.json", context)
    reference = {
        "call_id": dialogue.context.call_id,
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "duration_ms": channels.shape[1] * 1000 // SAMPLE_RATE_HZ,
        "channel_parties": list(_PARTIES),
        "utterances": [msgspec.to_builtins(line) for line in spoken],
    }
    write_json(folder / "reference.json", reference)


def _speak_dialogue(
    dialogue: DemoDialogue,
) -> tuple[NDArray[np.float32], list[SpokenLine]]:
    flite = Flite()
    placed: list[tuple[int, int, NDArray[np.float32]]] = []
    spoken: list[SpokenLine] = []
    clock_ms = 0
    for line in dialogue.lines:
        samples, words = _speak_line(flite, line.text, dialogue.voices[line.party])
        start_ms = clock_ms + line.after_ms
        channel = _PARTIES.index(line.party)
        placed.append((channel, start_ms, samples))
        shifted = tuple(Word(w.text, w.start_ms + start_ms, w.end_ms + start_ms) for w in words)
        spoken.append(_reference(line, channel, shifted))
        clock_ms = max(spoken[-1].end_ms, 0)
    length = (clock_ms + dialogue.audio.tail_ms) * SAMPLE_RATE_HZ // 1000
    channels = np.zeros((len(_PARTIES), length), np.float32)
    for channel, start_ms, samples in placed:
        start = start_ms * SAMPLE_RATE_HZ // 1000
        stretch = channels[channel, start : start + len(samples)]
        stretch += samples[: len(stretch)]
    return channels, spoken


def _reference(line: DialogueLine, channel: int, words: tuple[Word, ...]) -> SpokenLine:
    return SpokenLine(
        channel=channel,
        party=line.party,
        start_ms=words[0].start_ms,
        end_ms=words[-1].end_ms,
        text=" ".join(word.text for word in words),
        words=words,
    )


def _speak_line(
    flite: Flite, text: str, voice: PartyVoice
) -> tuple[NDArray[np.float32], list[Word]]:
    """Return one line's samples at 8 kHz from its first word's start, and its words."""
    settings = FliteSettings(voice.voice, voice.duration_stretch, voice.pitch_factor)
    pieces: list[NDArray[np.float32]] = []
    words: list[Word] = []
    clock_ms = 0
    for part in split_sentences(text):
        sentence = parse_sentence(part)
        if sentence is None:
            message = f"the dialogue has words that cannot be spoken: {part}"
            raise ValueError(message)
        speech = flite.speak(sentence.spoken_text, settings)
        samples, spans = _trimmed(speech, sentence)
        words += [
            Word(word, clock_ms + start, clock_ms + end)
            for word, (start, end) in zip(sentence.words, spans, strict=True)
        ]
        pause = np.zeros(_SENTENCE_PAUSE_MS * SAMPLE_RATE_HZ // 1000, np.float32)
        pieces += [samples, pause]
        clock_ms = sum(len(piece) for piece in pieces) * 1000 // SAMPLE_RATE_HZ
    line = np.concatenate(pieces[:-1])
    return line * (_PEAK / float(np.abs(line).max())), words


def _trimmed(
    speech: Speech, sentence: Sentence
) -> tuple[NDArray[np.float32], list[tuple[int, int]]]:
    """Return the samples from the first word to the last, and the word spans within them."""
    if len(speech.word_spans_ms) != len(sentence.words):
        message = f"the synthesiser gave no times for: {' '.join(sentence.words)}"
        raise ValueError(message)
    start_ms, end_ms = speech.word_spans_ms[0][0], speech.word_spans_ms[-1][1]
    samples = soxr.resample(speech.samples, speech.sample_rate_hz, SAMPLE_RATE_HZ, "HQ")
    first, last = (ms * SAMPLE_RATE_HZ // 1000 for ms in (start_ms, end_ms))
    spans = [(start - start_ms, end - start_ms) for start, end in speech.word_spans_ms]
    return np.asarray(samples[first:last], dtype=np.float32), spans


def _add_line_noise(channels: NDArray[np.float32], audio: CallAudio) -> NDArray[np.float32]:
    noise = np.random.default_rng(audio.seed).standard_normal(channels.shape)
    noisy = channels + noise * 10 ** (audio.noise_db / 20)
    return np.asarray(noisy, dtype=np.float32)


def _mu_law_wav(payload: bytes, *, channels: int) -> bytes:
    """Return a RIFF file of interleaved G.711 mu-law codes (format 7, with its fact chunk)."""
    layout = struct.pack(
        "<HHIIHHH",
        _MU_LAW_FORMAT,
        channels,
        SAMPLE_RATE_HZ,
        SAMPLE_RATE_HZ * channels,
        channels,
        8,
        0,
    )
    fact = struct.pack("<I", len(payload) // channels)
    body = b"WAVE"
    for name, chunk in ((b"fmt ", layout), (b"fact", fact), (b"data", payload)):
        body += name + struct.pack("<I", len(chunk)) + chunk + b"\0" * (len(chunk) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body

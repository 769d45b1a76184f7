"""The evaluation sets: the demo call, unheard voices, and real speech held out."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import soxr

from training.asr.corpus import SOURCES, is_held_out, read_sentences
from training.asr.grammar import generate_sentence
from training.asr.line import pass_through_g711
from training.asr.synthesise import Synthesisers
from training.asr.utterances import SAMPLE_RATE_HZ, Recording, Utterance
from training.asr.voices import HELD_OUT_FESTIVAL, held_out_espeak, held_out_flite

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

    from training.asr.text import Sentence

VOICE_SET_SIZE = 300
_FLITE_SHARE, _FESTIVAL_SHARE = 0.33, 0.27
_GENERATED_EVERY = 8
_MIN_WORDS = 3
_SPAN_MARGIN_MS = 200
_LINE_NOISE = 10 ** (-52 / 20)


def held_out_sentences(
    text_folder: Path, *, count: int, seed: int, trained: Collection[tuple[str, ...]]
) -> list[Sentence]:
    """Return sentences that no training utterance says, evenly from every source."""
    random = Random(seed)  # noqa: S311
    pools = []
    for source in SOURCES:
        pool = [s for s in read_sentences(text_folder, source) if is_held_out(s.words)]
        random.shuffle(pool)
        pools.append(pool)
    chosen: list[Sentence] = []
    turn = 0
    while len(chosen) < count:
        if turn % _GENERATED_EVERY == 0:
            sentence = generate_sentence(random)
        else:
            sentence = pools[turn % len(pools)].pop()
        turn += 1
        if sentence.words not in trained and len(sentence.words) >= _MIN_WORDS:
            chosen.append(sentence)
    return chosen


def speak_held_out(sentences: list[Sentence], *, seed: int) -> Iterator[Recording]:
    """Yield the sentences spoken by voices and settings that training never hears."""
    random = Random(f"held-out-{seed}")  # noqa: S311
    synthesisers = Synthesisers()
    for sentence in sentences:
        kind = random.random()
        if kind < _FESTIVAL_SHARE:
            yield _speak_festival(sentence)
            continue
        settings = (
            held_out_flite(random)
            if kind < _FESTIVAL_SHARE + _FLITE_SHARE
            else held_out_espeak(random)
        )
        recording = synthesisers.record(sentence, settings)
        if recording is not None:
            yield recording


def _speak_festival(sentence: Sentence) -> Recording:
    with tempfile.TemporaryDirectory() as folder:
        text, wave = Path(folder, "text"), Path(folder, "speech.wav")
        text.write_text(sentence.spoken_text)
        voice = f"(voice_{HELD_OUT_FESTIVAL})"
        subprocess.run(  # noqa: S603
            ["text2wave", "-eval", voice, "-o", str(wave), str(text)],  # noqa: S607
            check=True,
            capture_output=True,
        )
        samples, rate_hz = soundfile.read(wave, dtype="float32")
    samples = soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ, "HQ")
    samples = np.asarray(samples * (0.7 / float(np.abs(samples).max())), dtype=np.float32)
    return Recording(
        Utterance("festival", HELD_OUT_FESTIVAL, sentence.words, len(samples)), samples
    )


def demo_call_recordings(folder: Path) -> Iterator[Recording]:
    """Yield the demo call's utterances, cut at their reference spans with a margin."""
    reference = json.loads((folder / "reference.json").read_text("utf-8"))
    audio, _ = soundfile.read(folder / "call.wav", dtype="float32", always_2d=True)
    for utterance in reference["utterances"]:
        start = max(0, (utterance["start_ms"] - _SPAN_MARGIN_MS) * SAMPLE_RATE_HZ // 1000)
        end = (utterance["end_ms"] + _SPAN_MARGIN_MS) * SAMPLE_RATE_HZ // 1000
        samples = np.ascontiguousarray(audio[start:end, utterance["channel"]])
        words = tuple(word["text"] for word in utterance["words"])
        yield Recording(Utterance("demo", utterance["party"], words, len(samples)), samples)


def telephone_line(samples: NDArray[np.float32], *, seed: int) -> NDArray[np.float32]:
    """Return 8 kHz speech after a quiet line and G.711 mu-law."""
    noise = np.random.default_rng(seed).standard_normal(len(samples))
    return pass_through_g711(np.asarray(samples * 0.7 + _LINE_NOISE * noise, dtype=np.float32))

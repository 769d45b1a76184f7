"""The evaluation set of voices and sentences that no training uses."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import soxr

from training.asr.speech.utterances import SAMPLE_RATE_HZ, Recording, Utterance
from training.asr.synthesis.grammar import generate_sentence
from training.asr.synthesis.sentences import SOURCES, is_held_out, read_sentences
from training.asr.synthesis.speech import SynthesiserMissingError
from training.asr.synthesis.training_speech import Synthesisers
from training.asr.synthesis.voices import HELD_OUT_FESTIVAL, held_out_espeak, held_out_flite

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from training.text.spoken_words import Sentence

VOICE_SET_SIZE = 300
_FLITE_SHARE, _FESTIVAL_SHARE = 0.33, 0.27
_GENERATED_EVERY = 8
_MIN_WORDS = 3
_NO_FESTIVAL = (
    f"festival with its voice {HELD_OUT_FESTIVAL} is not installed "
    "(Debian: apt-get install festival festvox-us-slt-hts)"
)


def held_out_sentences(
    text_folder: Path, *, count: int, seed: int, trained: Collection[tuple[str, ...]]
) -> list[Sentence]:
    """Return sentences that are no training utterance, evenly from every source."""
    random = Random(seed)
    pools = []
    for source in SOURCES:
        pool = [s for s in read_sentences(text_folder, source) if is_held_out(s.words)]
        random.shuffle(pool)
        pools.append(pool)
    chosen: list[Sentence] = []
    turn = taken = 0
    while len(chosen) < count:
        if turn % _GENERATED_EVERY == 0:
            sentence = generate_sentence(random)
        else:
            sentence = pools[taken % len(pools)].pop()
            taken += 1
        turn += 1
        if sentence.words not in trained and len(sentence.words) >= _MIN_WORDS:
            chosen.append(sentence)
    return chosen


def speak_held_out(sentences: list[Sentence], *, seed: int) -> Iterator[Recording]:
    """Yield the sentences spoken by voices and settings that no training uses.

    Raises:
        SynthesiserMissingError: A synthesiser or its voice is not installed.
    """
    random = Random(f"held-out-{seed}")
    synthesisers = Synthesisers()
    for sentence in sentences:
        kind = random.random()
        if kind < _FESTIVAL_SHARE:
            yield speak_festival(sentence)
            continue
        settings = (
            held_out_flite(random)
            if kind < _FESTIVAL_SHARE + _FLITE_SHARE
            else held_out_espeak(random)
        )
        recording = synthesisers.record(sentence, settings)
        if recording is not None:
            yield recording


def speak_festival(sentence: Sentence) -> Recording:
    """Return a sentence by festival's voice.

    Raises:
        SynthesiserMissingError: festival or its voice is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        text, wave = Path(folder, "text"), Path(folder, "speech.wav")
        text.write_text(sentence.spoken_text)
        voice = f"(voice_{HELD_OUT_FESTIVAL})"
        try:
            subprocess.run(  # noqa: S603
                ["text2wave", "-eval", voice, "-o", str(wave), str(text)],  # noqa: S607
                check=True,
                capture_output=True,
            )
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            raise SynthesiserMissingError(_NO_FESTIVAL) from error
        samples, rate_hz = soundfile.read(wave, dtype="float32")
    samples = soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ, "HQ")
    samples = np.asarray(samples * (0.7 / float(np.abs(samples).max())), dtype=np.float32)
    return Recording(
        Utterance("festival", HELD_OUT_FESTIVAL, sentence.words, len(samples)), samples
    )

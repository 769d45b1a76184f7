"""Training speech: sentences spoken by many voices, as shards at 8 kHz with their times."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import numpy as np
import soxr

from training.asr.speech.utterances import SAMPLE_RATE_HZ, Recording, Utterance, write_shard
from training.asr.synthesis.espeak import Espeak
from training.asr.synthesis.flite import Flite, FliteSettings
from training.asr.synthesis.sentences import SOURCES, read_sentences, sample_sentences
from training.asr.synthesis.voices import training_espeak, training_flite
from training.core.run_metrics import tracked_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from training.asr.synthesis.espeak import EspeakSettings
    from training.asr.synthesis.recipe import Synthesis
    from training.asr.synthesis.speech import Speech
    from training.text.spoken_words import Sentence

SHARD_UTTERANCES = 2_000
SHOWN_SEED = 1  # of the worker whose progress is shown: the others are about as far
_TITLE = "synthesis, first worker"
_PEAK = 0.7
_WARP = (0.9, 1.12)


def to_recording(
    speech: Speech, sentence: Sentence, *, source: str, voice: str, warp: float = 1.0
) -> Recording | None:
    """Return telephone-rate speech with its times; None where the times do not fit the words.

    ``warp`` above 1 plays the speech faster and higher, as another speaker.
    """
    if len(speech.word_spans_ms) != len(sentence.words) or speech.samples.size == 0:
        return None
    samples = soxr.resample(speech.samples, speech.sample_rate_hz * warp, SAMPLE_RATE_HZ, "MQ")
    samples = samples * (_PEAK / max(float(np.abs(samples).max()), 1e-3))
    utterance = Utterance(
        source=source,
        voice=voice,
        words=sentence.words,
        text=sentence.text,
        samples=len(samples),
        word_spans_ms=tuple((round(a / warp), round(b / warp)) for a, b in speech.word_spans_ms),
        phone_set=source,
        phones=speech.phones,
        phone_starts_ms=tuple(round(start / warp) for start in speech.phone_starts_ms),
        phones_end_ms=round(speech.phones_end_ms / warp),
    )
    return Recording(utterance, samples.astype(np.float32))


class Synthesisers:
    """Both synthesisers, loaded once."""

    def __init__(self) -> None:
        """Load espeak-ng and flite."""
        self._espeak = Espeak()
        self._flite = Flite()

    def record(
        self, sentence: Sentence, settings: EspeakSettings | FliteSettings, *, warp: float = 1.0
    ) -> Recording | None:
        """Return ``sentence`` spoken with ``settings``; None where its times are unusable."""
        if isinstance(settings, FliteSettings):
            speech = self._flite.speak(sentence.spoken_text, settings)
            return to_recording(speech, sentence, source="flite", voice=settings.voice, warp=warp)
        speech = self._espeak.speak(sentence.spoken_text, settings)
        return to_recording(speech, sentence, source="espeak", voice=settings.voice, warp=warp)


def synthesise(
    text_folder: Path,
    out_folder: Path,
    settings: Synthesis,
    *,
    seed: int,
    excluded: Collection[tuple[str, ...]] = (),
) -> int:
    """Write shards of training speech and return how many utterances they hold."""
    pools = {source: read_sentences(text_folder, source) for source in SOURCES}
    random = Random(f"voices-{seed}")
    synthesisers = Synthesisers()
    batch: list[Recording] = []
    written = 0
    sentences = sample_sentences(
        pools,
        settings=settings,
        excluded=excluded,
        seed=seed,
    )
    is_shown = seed == SHOWN_SEED
    for sentence in tracked_of(settings.utterances, sentences, _TITLE) if is_shown else sentences:
        use_flite = random.random() < settings.flite_share
        voice = training_flite(random) if use_flite else training_espeak(random)
        warp = random.uniform(*_WARP) if random.random() < 0.5 else 1.0  # noqa: PLR2004
        recording = synthesisers.record(sentence, voice, warp=warp)
        if recording is not None:
            batch.append(recording)
        if len(batch) == SHARD_UTTERANCES:
            write_shard(out_folder / f"{seed:03d}-{written:07d}", batch)
            written += len(batch)
            batch = []
    if batch:
        write_shard(out_folder / f"{seed:03d}-{written:07d}", batch)
    return written + len(batch)

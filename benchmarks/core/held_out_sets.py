"""Held-out speech with words, and the sets whose word times are known: demo call and voices."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from benchmarks.core.reference import TrueWord, read_true_call
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray
from schemas.errors import ConfigurationError
from training.asr.speech.bundled_call import demo_call_recordings
from training.asr.speech.telephone_line import telephone_line
from training.asr.speech.utterances import SAMPLE_RATE_HZ as SOURCE_RATE_HZ
from training.asr.speech.utterances import Recording, SpeechPool
from training.core.sampling import spread_evenly

DEMO_SET, VOICES_SET = "demo_call", "unheard_voices"
DEMO_MARGIN_MS = 200  # of silence around each of its utterances


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """An utterance of a held-out set.

    Attributes:
        samples: Mono at 16 kHz, shape (n_samples,).
        words: What is said.
        true_words: With their times in the samples; empty where they are not known.
    """

    samples: FloatArray
    words: tuple[str, ...]
    true_words: tuple[TrueWord, ...] = ()


def load_sets(
    demo_call: Path, work: Path, *, most: int, is_telephone: bool
) -> dict[str, list[HeldOut]]:
    """Return the demo call, and the unheard voices where they were made.

    Args:
        demo_call: Its folder.
        work: The work folder of the speech training, with ``eval/voices``.
        most: Utterances of each set; taken evenly from all of it.
        is_telephone: Send all but the demo call, which has been there, through a quiet telephone
            line and G.711, as the model card does; else they stay clean, at 8 kHz.
    """
    sets = {DEMO_SET: demo_utterances(demo_call)}
    folder = work / "eval" / "voices"
    if folder.is_dir():
        pool = SpeechPool([folder])
        sets[VOICES_SET] = [
            _held_out(pool.recording(n), n, is_telephone) for n in spread_evenly(len(pool), most)
        ]
    return {name: utterances[:most] for name, utterances in sets.items() if utterances}


def demo_utterances(demo_call: Path) -> list[HeldOut]:
    """Return the demo call's utterances with a little silence around, and their word times.

    Raises:
        ConfigurationError: The folder holds no such call.
    """
    call = read_true_call(demo_call / "call.wav")
    recordings = list(demo_call_recordings(demo_call))
    if len(recordings) != len(call.utterances):
        raise ConfigurationError(f"{demo_call}: its reference does not fit its audio")
    found = []
    for recording, said in zip(recordings, call.utterances, strict=True):
        shift_ms = max(0, said.start_ms - DEMO_MARGIN_MS)
        words = tuple(
            TrueWord(word.text, word.start_ms - shift_ms, word.end_ms - shift_ms)
            for word in said.words
        )
        found.append(HeldOut(_wide(recording.samples), recording.utterance.words, words))
    return found


def _held_out(recording: Recording, number: int, is_telephone: bool) -> HeldOut:  # noqa: FBT001
    utterance, samples = recording.utterance, recording.samples
    if is_telephone:
        samples = telephone_line(samples, seed=number)
    true_words = tuple(
        TrueWord(text, start_ms, end_ms)
        for text, (start_ms, end_ms) in zip(
            utterance.words, utterance.word_spans_ms or (), strict=False
        )
    )
    return HeldOut(_wide(samples), utterance.words, true_words)


def _wide(samples: FloatArray) -> FloatArray:
    wide = soxr.resample(samples, SOURCE_RATE_HZ, SAMPLE_RATE_HZ, "HQ")
    return np.asarray(wide, dtype=np.float32)


def timed_only(sets: Iterable[list[HeldOut]]) -> list[HeldOut]:
    """Return the utterances whose word times are known."""
    return [one for utterances in sets for one in utterances if one.true_words]

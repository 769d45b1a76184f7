"""Held-out real speech: recordings of people that no training may read, with their words."""

from pathlib import Path
from typing import Literal

import numpy as np
import soxr

from benchmarks.core.held_out_sets import HeldOut
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray
from training.asr.speech.real_speech import (
    CorpusClip,
    list_clips,
    list_test_only_clips,
    read_clips,
    with_peak,
)
from training.asr.speech.telephone_line import pass_through_g711, telephone_line
from training.core.sampling import spread_evenly

Line = Literal["telephone", "clean 8 kHz", "clean 16 kHz"]
TELEPHONE: Line = "telephone"
CLEAN_NARROW: Line = "clean 8 kHz"
CLEAN: Line = "clean 16 kHz"
LINES: tuple[Line, ...] = (TELEPHONE, CLEAN_NARROW, CLEAN)
TELEPHONE_HZ = 8_000
REAL_SETS = ("librispeech", "kathleen", "ljspeech", "speechocean762", "fsdd", "harper_valley")
CALLS = "harper_valley"  # recorded at the telephone: no second line is put after it
_WITHOUT: dict[str, tuple[Line, ...]] = {
    CALLS: (CLEAN_NARROW, CLEAN),
    "fsdd": (CLEAN,),  # recorded at 8 kHz
}
WIDE_SETS = tuple(name for name in REAL_SETS if CLEAN not in _WITHOUT.get(name, ()))


def load_real_sets(
    data: Path, *, most: int, line: Line, names: tuple[str, ...] = REAL_SETS
) -> dict[str, list[HeldOut]]:
    """Return the sets by name, each in the order of its corpus.

    Read speech is brought to one level; `telephone` sends it through a quiet line and G.711.
    harper_valley is a recording of telephones, of 8 kHz at its own level: it passes G.711 once
    more on `telephone` and has no part in the clean lines. What was recorded at 8 kHz has none in
    the clean one of 16 kHz.

    Args:
        data: Folder with ``speech``.
        most: Utterances of each set; taken evenly from all of it.
        line: What the speech goes through.
        names: Of the sets.
    """
    speech = data / "speech"
    listed = [clip for clip in list_clips(speech) if clip.is_test] + list_test_only_clips(speech)
    sets: dict[str, list[HeldOut]] = {}
    for name in names:
        if line in _WITHOUT.get(name, ()):
            continue
        clips = [clip for clip in listed if clip.corpus == name]
        chosen = [clips[index] for index in spread_evenly(len(clips), most)]
        sets[name] = [
            HeldOut(_over_line(clip, samples, line, seed), clip.words)
            for seed, (clip, samples) in enumerate(read_clips(speech, chosen, SAMPLE_RATE_HZ))
        ]
    return sets


def _over_line(clip: CorpusClip, samples: FloatArray, line: Line, seed: int) -> FloatArray:
    if clip.corpus == CALLS:
        return _resampled(pass_through_g711(_resampled(samples, TELEPHONE_HZ)), SAMPLE_RATE_HZ)
    samples = with_peak(samples)
    if line == CLEAN:
        return samples
    narrow = _resampled(samples, TELEPHONE_HZ)
    if line == TELEPHONE:
        narrow = telephone_line(narrow, seed=seed)
    return _resampled(narrow, SAMPLE_RATE_HZ)


def _resampled(samples: FloatArray, rate_hz: int) -> FloatArray:
    """Return samples of one of the two rates at the other, ``rate_hz``."""
    other_hz = SAMPLE_RATE_HZ + TELEPHONE_HZ - rate_hz
    return np.asarray(soxr.resample(samples, other_hz, rate_hz, "HQ"), dtype=np.float32)

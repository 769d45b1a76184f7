"""A call of two parties made of real people's recordings, with the times of what they say.

The recordings have no word times. A stretch of sound between pauses begins and ends with a word;
within it, words take time by their letters. So the first and last sound of a segment, from which
delays count, are as exact as the energy of the audio shows them.
"""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import msgspec
import numpy as np
import soundfile
import soxr

from benchmarks.core.held_out_sets import HeldOut
from benchmarks.core.real_sets import load_real_sets
from benchmarks.core.reference import TrueCall, TrueUtterance, TrueWord
from benchmarks.quality.pieces import sounding_spans
from models.audio.samples import SAMPLE_RATE_HZ
from schemas.errors import ConfigurationError

RATE_HZ = 8_000
SETS = ("librispeech", "harper_valley")
RECORDINGS = 24  # of each set
LONGEST_S = 12
GAP_MS = 800  # between one party and the other
Span = tuple[int, int]


def make_real_call(data: Path, folder: Path) -> Path:
    """Return the recording of a call of real speech, its reference beside it.

    Args:
        data: Folder of public data, with ``speech``.
        folder: For the files.

    Raises:
        ConfigurationError: No recording there is short enough.
    """
    sets = load_real_sets(data, most=RECORDINGS, line="telephone", names=SETS)
    clips = [one for each in sets.values() for one in each]
    short = [one for one in clips if len(one.samples) <= LONGEST_S * SAMPLE_RATE_HZ]
    return write_call(short, folder)


def write_call(clips: Sequence[HeldOut], folder: Path) -> Path:
    """Return the recording of a call in which two parties say the clips in turn.

    Raises:
        ConfigurationError: There are no clips.
    """
    if not clips:
        raise ConfigurationError("there is no real speech to make a call of")
    folder.mkdir(parents=True, exist_ok=True)
    lengths_ms = [len(clip.samples) * 1000 // SAMPLE_RATE_HZ + GAP_MS for clip in clips]
    starts_ms = [GAP_MS, *(GAP_MS + end for end in accumulate(lengths_ms))]
    audio = np.zeros((starts_ms[-1] * RATE_HZ // 1000, 2), np.float32)
    utterances: list[TrueUtterance] = []
    for number, (clip, start_ms) in enumerate(zip(clips, starts_ms, strict=False)):
        narrow = soxr.resample(clip.samples, SAMPLE_RATE_HZ, RATE_HZ, "HQ")
        first = start_ms * RATE_HZ // 1000
        audio[first : first + len(narrow), number % 2] = narrow
        utterances += _utterances(clip, number % 2, start_ms)
    path = folder / "call.wav"
    soundfile.write(path, audio.clip(-1.0, 1.0), RATE_HZ, "ULAW")
    call = TrueCall(starts_ms[-1], tuple(utterances))
    (folder / "reference.json").write_bytes(msgspec.json.encode(call))
    return path


def _utterances(clip: HeldOut, channel: int, start_ms: int) -> list[TrueUtterance]:
    per_ms = SAMPLE_RATE_HZ // 1000
    spans = [
        (start_ms + start // per_ms, start_ms + end // per_ms)
        for start, end in sounding_spans(clip.samples)
    ]
    return [
        TrueUtterance(channel, words[0].start_ms, words[-1].end_ms, tuple(words))
        for words in place_words(clip.words, spans)
    ]


def place_words(words: Sequence[str], spans_ms: Sequence[Span]) -> list[list[TrueWord]]:
    """Return the words of each stretch of sound that has any, spread over all of it.

    Args:
        words: All of them, in order.
        spans_ms: Where there is sound, in order.
    """
    if not words or not spans_ms:
        return []
    letters = [len(word) for word in words]
    sounding_ms = sum(end - start for start, end in spans_ms)
    ends = list(accumulate(end - start for start, end in spans_ms))
    groups: list[list[str]] = [[] for _ in spans_ms]
    for word, own, until in zip(words, letters, accumulate(letters), strict=True):
        middle_ms = (until - own / 2) / sum(letters) * sounding_ms
        index = next(index for index, end in enumerate(ends) if middle_ms <= end)
        groups[index].append(word)
    return [_spread(group, span) for group, span in zip(groups, spans_ms, strict=True) if group]


def _spread(words: Sequence[str], span_ms: Span) -> list[TrueWord]:
    start_ms, end_ms = span_ms
    letters = [0, *accumulate(len(word) for word in words)]
    edges = [start_ms + (end_ms - start_ms) * each // letters[-1] for each in letters]
    return [TrueWord(word, *edges[at : at + 2]) for at, word in enumerate(words)]

"""Real speech of ``data/speech`` and its strict split into training and held-out parts."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from training.asr.files import read_mono
from training.asr.numerals import spell_digits
from training.asr.text import parse_sentence
from training.asr.utterances import SAMPLE_RATE_HZ, Recording, Utterance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_PEAK = 0.7
SPEECHOCEAN_TEST_SPEAKERS = 12  # of 125
FSDD_TEST_SPEAKERS = frozenset({"theo"})
SENTENCE_TEST_PERCENT = 8


class Clip(msgspec.Struct, frozen=True):
    """One real recording: where it lies, who speaks and what."""

    corpus: str
    member: str
    speaker: str
    words: tuple[str, ...]
    is_test: bool


def _share(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 2**32


def _manifest(path: Path) -> Iterator[dict[str, str]]:
    header, *lines = path.read_text("utf-8").splitlines()
    names = header.split("\t")
    for line in lines:
        yield dict(zip(names, line.split("\t"), strict=True))


def _read_sentences(folder: Path, corpus: str) -> list[Clip]:
    clips = []
    for row in _manifest(folder / corpus / "manifest.tsv"):
        sentence = parse_sentence(row["text"])
        if sentence:
            is_test = _share(" ".join(sentence.words)) * 100 < SENTENCE_TEST_PERCENT
            clips.append(Clip(corpus, row["file"], corpus, sentence.words, is_test))
    return clips


def _speechocean(folder: Path) -> list[Clip]:
    rows = list(_manifest(folder / "speechocean762" / "manifest.tsv"))
    speakers = sorted({row["speaker"] for row in rows}, key=_share)
    held_out = set(speakers[:SPEECHOCEAN_TEST_SPEAKERS])
    clips = []
    for row in rows:
        sentence = parse_sentence(row["text"])
        if sentence:
            speaker = row["speaker"]
            clips.append(
                Clip("speechocean762", row["file"], speaker, sentence.words, speaker in held_out)
            )
    return clips


def _fsdd(folder: Path) -> list[Clip]:
    with tarfile.open(folder / "fsdd" / "fsdd.tar") as archive:
        names = sorted(name for name in archive.getnames() if name.endswith(".opus"))
    clips = []
    for name in names:
        digit, speaker, _ = name.removeprefix("opus/").split("_")
        words = tuple(spell_digits(digit))
        clips.append(Clip("fsdd", name, speaker, words, speaker in FSDD_TEST_SPEAKERS))
    return clips


def list_clips(speech_folder: Path) -> list[Clip]:
    """Return every real clip with its side of the split.

    Held out are whole speakers of speechocean762 and FSDD, and every reading of a held-out
    sentence of kathleen and ljspeech.
    """
    return [
        *_speechocean(speech_folder),
        *_fsdd(speech_folder),
        *_read_sentences(speech_folder, "kathleen"),
        *_read_sentences(speech_folder, "ljspeech"),
    ]


_ARCHIVES = {
    "speechocean762": "speechocean762/speechocean762-train.tar",
    "fsdd": "fsdd/fsdd.tar",
    "kathleen": "kathleen/kathleen.tar",
    "ljspeech": "ljspeech/ljspeech.tar",
}


def read_recordings(speech_folder: Path, clips: list[Clip]) -> Iterator[Recording]:
    """Yield the audio of ``clips`` at 8 kHz, corpus by corpus."""
    for corpus, archive_name in _ARCHIVES.items():
        wanted = {clip.member: clip for clip in clips if clip.corpus == corpus}
        if not wanted:
            continue
        with tarfile.open(speech_folder / archive_name) as archive:
            for member in archive:
                clip = wanted.get(member.name)
                stream = archive.extractfile(member) if clip else None
                if clip and stream:
                    samples = _telephone_rate(stream.read())
                    utterance = Utterance(corpus, clip.speaker, clip.words, len(samples))
                    yield Recording(utterance, samples)


def _telephone_rate(content: bytes) -> NDArray[np.float32]:
    samples = read_mono(io.BytesIO(content), SAMPLE_RATE_HZ)
    return np.asarray(samples * (_PEAK / max(float(np.abs(samples).max()), 1e-3)), np.float32)

"""Real speech of ``data/speech`` and its strict split into training and held-out parts."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from models.text.numerals import spell_digits
from training.asr.speech.audio_files import read_mono
from training.asr.speech.utterances import SAMPLE_RATE_HZ, Recording, Utterance
from training.text.spoken_words import parse_sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_PEAK = 0.7
SPEECHOCEAN_TEST_SPEAKERS = 12  # of 125
FSDD_TEST_SPEAKERS = frozenset({"theo"})
SENTENCE_TEST_PERCENT = 8


class CorpusClip(msgspec.Struct, frozen=True):
    """One real recording of an archive: its file, its speaker, its words."""

    corpus: str
    member: str
    speaker: str
    words: tuple[str, ...]
    is_test: bool


def _share(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 2**32


def read_manifest(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a corpus's manifest; a text may hold any line separator but LF."""
    header, *lines = path.read_text("utf-8").removesuffix("\n").split("\n")
    names = header.split("\t")
    for line in lines:
        yield dict(zip(names, line.split("\t"), strict=True))


def _read_sentences(folder: Path, corpus: str) -> list[CorpusClip]:
    clips = []
    for row in read_manifest(folder / corpus / "manifest.tsv"):
        sentence = parse_sentence(row["text"])
        if sentence:
            is_test = _share(" ".join(sentence.words)) * 100 < SENTENCE_TEST_PERCENT
            clips.append(CorpusClip(corpus, row["file"], corpus, sentence.words, is_test))
    return clips


def _speechocean(folder: Path) -> list[CorpusClip]:
    rows = list(read_manifest(folder / "speechocean762" / "manifest.tsv"))
    speakers = sorted({row["speaker"] for row in rows}, key=_share)
    held_out = set(speakers[:SPEECHOCEAN_TEST_SPEAKERS])
    clips = []
    for row in rows:
        sentence = parse_sentence(row["text"])
        if sentence:
            speaker = row["speaker"]
            clips.append(
                CorpusClip(
                    "speechocean762", row["file"], speaker, sentence.words, speaker in held_out
                )
            )
    return clips


def _fsdd(folder: Path) -> list[CorpusClip]:
    with tarfile.open(folder / "fsdd" / "fsdd.tar") as archive:
        names = sorted(name for name in archive.getnames() if name.endswith(".opus"))
    clips = []
    for name in names:
        digit, speaker, _ = name.removeprefix("opus/").split("_")
        words = tuple(spell_digits(digit))
        clips.append(CorpusClip("fsdd", name, speaker, words, speaker in FSDD_TEST_SPEAKERS))
    return clips


def list_clips(speech_folder: Path) -> list[CorpusClip]:
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


def list_test_only_clips(speech_folder: Path) -> list[CorpusClip]:
    """Return the clips of corpora that no training may read: their audio is for measuring alone.

    These are harper_valley, and the part of librispeech whose role is to test.
    """
    clips = []
    for row in read_manifest(speech_folder / "librispeech" / "manifest.tsv"):
        if row["role"] == "test":
            words = tuple(row["text"].split())
            clips.append(
                CorpusClip("librispeech", row["file"], row["speaker"], words, is_test=True)
            )
    for row in read_manifest(speech_folder / "harper_valley" / "manifest.tsv"):
        words = tuple(row["text"].split())
        clips.append(CorpusClip("harper_valley", row["file"], row["file"], words, is_test=True))
    return clips


_ARCHIVES = {
    "librispeech": "librispeech/librispeech.tar",
    "harper_valley": "harper_valley/harper_valley.tar",
    "speechocean762": "speechocean762/speechocean762-train.tar",
    "fsdd": "fsdd/fsdd.tar",
    "kathleen": "kathleen/kathleen.tar",
    "ljspeech": "ljspeech/ljspeech.tar",
}


def read_recordings(speech_folder: Path, clips: list[CorpusClip]) -> Iterator[Recording]:
    """Yield the audio of ``clips`` at 8 kHz, corpus by corpus."""
    for clip, samples in read_clips(speech_folder, clips, SAMPLE_RATE_HZ):
        scaled = with_peak(samples)
        utterance = Utterance(clip.corpus, clip.speaker, clip.words, len(scaled))
        yield Recording(utterance, scaled)


def read_clips(
    speech_folder: Path, clips: Sequence[CorpusClip], sample_rate_hz: int
) -> Iterator[tuple[CorpusClip, NDArray[np.float32]]]:
    """Yield each clip with its audio at its own level, corpus by corpus."""
    for corpus, archive_name in _ARCHIVES.items():
        wanted = {clip.member: clip for clip in clips if clip.corpus == corpus}
        if not wanted:
            continue
        with tarfile.open(speech_folder / archive_name) as archive:
            for member in archive:
                clip = wanted.get(member.name)
                stream = archive.extractfile(member) if clip else None
                if clip and stream:
                    yield clip, read_mono(io.BytesIO(stream.read()), sample_rate_hz)


def with_peak(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the samples at the level that training and measuring give to read speech."""
    return np.asarray(samples * (_PEAK / max(float(np.abs(samples).max()), 1e-3)), np.float32)

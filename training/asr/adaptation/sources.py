"""Recorded and synthesised speech to adapt on; never held-out speech, nor `harper_valley`."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from models.asr.core.hypothesis import Word
from models.asr.writing.normalisation import normalise
from models.audio.samples import SAMPLE_RATE_HZ
from training.asr.finetuning.clips import from_line_rate
from training.asr.speech.audio_files import read_mono
from training.asr.speech.real_speech import list_clips, read_manifest
from training.asr.speech.utterances import SpeechPool
from training.asr.synthesis.grammar import PROPER_NAMES
from training.asr.synthesis.small_talk import SPOKEN_NAMES
from training.asr.synthesis.speech_folder import check_speech
from training.core.errors import MissingDataError, RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from models.audio.samples import FloatArray
    from training.asr.adaptation.recipe import Corpus
    from training.asr.speech.folders import SpeechFolders

_PEAK = 0.7
_ARCHIVES = {
    "librispeech": "librispeech.tar",
    "picovoice_barista": "picovoice_barista.tar",
    "speechocean762": "speechocean762-train.tar",
    "kathleen": "kathleen.tar",
    "ljspeech": "ljspeech.tar",
    "fsdd": "fsdd.tar",
}
SYNTHETIC = "synthetic"
_ENDS = (".", "?", "!")
_ALSO_WORDS = frozenset(
    "may march mark grace frank white green brown young king hill cook baker long west price wood "
    "ford carter turner parker martin reed ward victor rose jack ross foster".split()
)
_CAPITALISED = (frozenset({"i"}) | PROPER_NAMES | SPOKEN_NAMES) - _ALSO_WORDS


class SourceClip(msgspec.Struct, frozen=True):
    """A recording to adapt on.

    Attributes:
        corpus: Its folder's name.
        speaker: Within the corpus.
        text: What is said, as the corpus writes it; empty where it does not say.
        samples: Mono at 16 kHz, shape (n_samples,).
    """

    corpus: str
    speaker: str
    text: str
    samples: FloatArray


def check_corpora(corpora: Sequence[Corpus], folders: SpeechFolders) -> None:
    """Make sure that the corpora of a recipe can be read, before hours are spent on the first.

    Raises:
        RecipeError: There is no such corpus.
        MissingDataError: One is not in the data folder, or its synthesis is not complete.
    """
    for corpus in corpora:
        if corpus.name == SYNTHETIC:
            check_speech(folders.synthetic)
            continue
        if corpus.name not in _ARCHIVES:
            raise RecipeError(
                f"pieces.corpora: {corpus.name!r} is not one of "
                f"{', '.join([*_ARCHIVES, SYNTHETIC])}"
            )
        folder = folders.recordings / corpus.name
        if not folder.is_dir():
            raise MissingDataError(f"{folder} is not there: --data must name the data folder")
        if not (folder / _ARCHIVES[corpus.name]).is_file():
            raise MissingDataError(f"{folder / _ARCHIVES[corpus.name]} is not there")


def read_source(corpus: Corpus, folders: SpeechFolders) -> Iterator[SourceClip]:
    """Yield the recordings of a corpus that may be trained on.

    Raises:
        RecipeError: There is no such corpus.
        MissingDataError: It is not in the data folder, or its synthesis is not complete.
    """
    check_corpora([corpus], folders)
    if corpus.name == SYNTHETIC:
        yield from _synthetic(corpus, folders)
        return
    folder = folders.recordings / corpus.name
    known = _trainable(corpus.name, folders.recordings)
    names = sorted(known)
    chosen = {names[n] for n in _evenly(len(names), corpus.most)}
    with tarfile.open(folder / _ARCHIVES[corpus.name]) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.name in chosen else None
            if stream:
                speaker, text = known[member.name]
                samples = read_mono(io.BytesIO(stream.read()), SAMPLE_RATE_HZ)
                yield SourceClip(corpus.name, speaker, text, _to_peak(samples))


def _trainable(corpus: str, recordings: Path) -> Mapping[str, tuple[str, str]]:
    """Return speaker and text of every file that is not held out."""
    if corpus == "fsdd":
        clips = [clip for clip in list_clips(recordings) if clip.corpus == corpus]
        return {
            clip.member: (clip.speaker, f"{clip.words[0].capitalize()}.")
            for clip in clips
            if not clip.is_test
        }
    rows = list(read_manifest(recordings / corpus / "manifest.tsv"))
    if corpus == "librispeech":
        return {row["file"]: (row["speaker"], "") for row in rows if row["role"] == "train"}
    if corpus == "picovoice_barista":
        return {row["file"]: (row["file"], "") for row in rows}
    held_out = {clip.member for clip in list_clips(recordings) if clip.is_test}
    return {
        row["file"]: (row.get("speaker", corpus), row["text"])
        for row in rows
        if row["file"] not in held_out
    }


def _synthetic(corpus: Corpus, folders: SpeechFolders) -> Iterator[SourceClip]:
    pool = SpeechPool([folders.synthetic])
    for number in _evenly(len(pool), corpus.most):
        utterance = pool.utterances[number]
        is_styled = utterance.text[:1].isupper() and utterance.text[-1:] in _ENDS
        text = utterance.text if is_styled else _in_style(utterance.words)
        samples = _to_peak(from_line_rate(pool.samples(number)))
        yield SourceClip(SYNTHETIC, utterance.voice, text, samples)


def _in_style(words: Sequence[str]) -> str:
    """Return words in the style of Whisper, as far as words alone tell it."""
    cased = [
        word.capitalize() if word in _CAPITALISED or word.startswith("i'") else word
        for word in words
    ]
    spans = [Word(text=word, start_ms=0, end_ms=0, confidence=1.0) for word in cased]
    text = " ".join(word.text for word in normalise(spans))
    return f"{text[:1].upper()}{text[1:]}."


def _evenly(count: int, most: int) -> list[int]:
    if not most or most >= count:
        return list(range(count))
    return [n * count // most for n in range(most)]


def _to_peak(samples: FloatArray) -> FloatArray:
    return np.asarray(samples * (_PEAK / max(float(np.abs(samples).max()), 1e-3)), np.float32)

"""What the teachers say of every piece: the encoder's states, and the text."""

from __future__ import annotations

import hashlib
import re
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import structlog
import torch

from models.asr.core.dimensions import SAMPLES_PER_POSITION
from models.asr.core.requests import DecodeOptions
from models.asr.engine import load_engine
from models.audio.samples import SAMPLE_RATE_HZ
from models.console import tracked
from training.asr.adaptation.fingerprints import corpus_fingerprint, weights_fingerprint
from training.asr.adaptation.pauses import cut_at_pauses
from training.asr.adaptation.piece_store import PieceStore, PieceWriter, is_complete
from training.asr.adaptation.sources import SYNTHETIC, check_corpora, read_source
from training.asr.finetuning.base import load_base
from training.asr.finetuning.network import build_network, encode
from training.asr.finetuning.spelling import normalised
from training.asr.whisper.features import batch_log_mel, mel_filters

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from models.asr.decoding.whisper_engine import WhisperEngine
    from models.audio.samples import FloatArray
    from training.asr.adaptation.recipe import AdaptationRecipe, Corpus
    from training.asr.adaptation.sources import SourceClip
    from training.asr.speech.folders import SpeechFolders

log = structlog.get_logger(__name__)
_MAX_WORDS_PER_SECOND = 7.0
_SPARE_WORDS = 3
_OPTIONS = DecodeOptions(
    word_times=False, beam_size=1
)  # the least log-probability is of greedy texts
_KEY_LETTERS = 12  # of the hash, in a folder's name
_CUTTING = 2  # which way of cutting made the pieces: those of another one are made again


class StateTeacher:
    """The frozen encoder that hears clean audio with a long tail of silence.

    Args:
        model: Its weights.
        tail_ms: Silence after the audio.
    """

    def __init__(self, model: str, tail_ms: int) -> None:
        base = load_base(model)
        self._network = build_network(*base.network_state())
        self._filters = mel_filters(base.dims["n_mels"])
        self._tail = tail_ms * SAMPLE_RATE_HZ // 1000
        self.width = base.dims["n_audio_state"]

    def states(self, samples: FloatArray) -> NDArray[np.float16]:
        """Return the encoder's states of the audio alone, shape (positions, width)."""
        positions = -(-len(samples) // SAMPLES_PER_POSITION)
        length = positions * SAMPLES_PER_POSITION + self._tail
        padded = torch.zeros(1, length)
        padded[0, : len(samples)] = torch.from_numpy(samples)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            features = encode(self._network, batch_log_mel(padded, self._filters))
        return np.asarray(features[0, :positions].float().numpy().astype(np.float16))


class Writer:
    """Writes what is said in pieces, where it is certain enough.

    Args:
        recipe: Names the writer, and the model whose text has to agree where nobody else knows.
    """

    def __init__(self, recipe: AdaptationRecipe) -> None:
        teachers = recipe.teachers
        self._min_log_probability = teachers.min_log_probability
        self._teachers = teachers

    def whole_text(self, clip: SourceClip) -> str:
        """Return the text of a whole recording, in the style of Whisper; empty if unknown."""
        if not clip.text:
            return self.agreed_text(clip.samples)
        if any(letter.isupper() for letter in clip.text):
            return clip.text.strip()
        written, _ = self._write(clip.samples)
        if _words(written) == _words(clip.text):
            return written
        text = re.sub(r"\bi\b", "I", clip.text.strip())
        return f"{text[:1].upper()}{text[1:]}."

    def piece_text(self, samples: FloatArray, text: str) -> str:
        """Return the text of a piece cut out of a recording with this text; empty if unknown."""
        if not text:
            return self.agreed_text(samples)
        written, _ = self._write(samples)
        words = f" {_words(written)} "
        is_part = words.strip() and words in f" {_words(text)} "
        return written if is_part else ""

    def agreed_text(self, samples: FloatArray) -> str:
        """Return what both models hear, or the writer alone where it is sure; else nothing."""
        written, log_probability = self._write(samples)
        words = _words(written)
        seconds = len(samples) / SAMPLE_RATE_HZ
        if not words or len(words.split()) > _MAX_WORDS_PER_SECOND * seconds + _SPARE_WORDS:
            return ""
        if log_probability > self._min_log_probability:
            return written
        heard = self._peer.transcribe(samples, _OPTIONS)
        return written if _words(heard.text) == words else ""

    @cached_property
    def _writer(self) -> WhisperEngine:
        return load_engine(self._teachers.writer, precision="int8")

    @cached_property
    def _peer(self) -> WhisperEngine:
        return load_engine(self._teachers.model, precision="int8")

    def _write(self, samples: FloatArray) -> tuple[str, float]:
        hypothesis = self._writer.transcribe(samples, _OPTIONS)
        return hypothesis.text, hypothesis.avg_log_probability


def _words(text: str) -> str:
    return normalised(text, "en")


def prepare_pieces(recipe: AdaptationRecipe, folders: SpeechFolders) -> PieceStore:
    """Return the pieces of a recipe; those of a corpus are made now if they are not there.

    Raises:
        MissingDataError: A corpus is not there.
        RecipeError: There is no such corpus, or nothing of it can be used.
        ModelNotFoundError: A teacher is not there.
    """
    check_corpora(recipe.pieces.corpora, folders)
    makers = _PieceMakers(recipe, folders)
    return PieceStore([makers.prepared(corpus) for corpus in recipe.pieces.corpora])


class _PieceMakers:
    """Writes the store of each corpus; the teachers are loaded when they are needed."""

    def __init__(self, recipe: AdaptationRecipe, folders: SpeechFolders) -> None:
        self._recipe = recipe
        self._folders = folders

    @cached_property
    def _teacher(self) -> StateTeacher:
        return StateTeacher(self._recipe.teachers.model, self._recipe.teachers.tail_ms)

    @cached_property
    def _writer(self) -> Writer:
        return Writer(self._recipe)

    def prepared(self, corpus: Corpus) -> Path:
        """Return the folder of a corpus's complete store.

        Raises:
            RecipeError: Nothing of the corpus can be used.
        """
        key = store_key(self._recipe, corpus, self._folders)
        folder = self._folders.work / "pieces" / f"{corpus.name}-{key[:_KEY_LETTERS]}"
        if not is_complete(folder, key):
            dropped = 0
            with PieceWriter(folder, key, self._teacher.width) as store:
                for clip, samples, text in _written(
                    corpus, self._recipe, self._folders, self._writer
                ):
                    if not text:
                        dropped += 1
                        continue
                    states = self._teacher.states(samples)
                    store.add(clip.corpus, clip.speaker, text, (samples, states))
                log.info("pieces.written", corpus=corpus.name, kept=len(store), dropped=dropped)
        PieceStore([folder])  # an empty one is an error before the next corpus is read
        return folder


def store_key(recipe: AdaptationRecipe, corpus: Corpus, folders: SpeechFolders) -> str:
    """Return what tells the pieces of a corpus from those of other audio, teachers or cuts."""
    teachers = recipe.teachers
    files = (
        corpus_fingerprint(corpus.name, folders),
        weights_fingerprint(teachers.model),
        weights_fingerprint(teachers.writer),
    )
    pieces = msgspec.structs.replace(recipe.pieces, corpora=())
    corpus = msgspec.structs.replace(corpus, weight=1)
    deciding = (teachers, pieces, corpus, recipe.seed, _CUTTING, files)
    return hashlib.sha256(msgspec.json.encode(deciding)).hexdigest()


def _written(
    corpus: Corpus, recipe: AdaptationRecipe, folders: SpeechFolders, writer: Writer
) -> Iterator[tuple[SourceClip, FloatArray, str]]:
    """Yield the pieces of a corpus: their recording, their audio, their text."""
    settings = recipe.pieces
    clips = list(read_source(corpus, folders))
    for number, clip in enumerate(tracked(clips, f"pieces of {corpus.name}")):
        seconds = len(clip.samples) / SAMPLE_RATE_HZ
        random = np.random.default_rng((recipe.seed, number))
        if corpus.whole and seconds <= settings.max_seconds:
            is_known = corpus.name in (SYNTHETIC, "fsdd")
            yield clip, clip.samples, clip.text if is_known else writer.whole_text(clip)
        for _ in range(corpus.cut):
            for piece in cut_at_pauses(
                clip.samples,
                random,
                min_seconds=settings.min_seconds,
                max_seconds=settings.max_seconds,
            ):
                if len(piece) < len(clip.samples):
                    yield clip, piece, writer.piece_text(piece, clip.text)

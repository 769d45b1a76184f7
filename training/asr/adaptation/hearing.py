"""Batches of what the student hears, each a pure function of the seed and its number."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import soxr
import torch

from models.asr.core.dimensions import SAMPLES_PER_POSITION
from models.audio.samples import SAMPLE_RATE_HZ
from training.asr.finetuning.clips import Clip, from_line_rate, to_line_rate
from training.asr.speech.augment import augment
from training.asr.speech.non_speech import NonSpeechSounds
from training.asr.speech.utterances import SAMPLE_RATE_HZ as LINE_RATE_HZ
from training.asr.whisper.losses import IGNORED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from models.audio.samples import FloatArray
    from training.asr.adaptation.piece_store import Piece, PieceStore
    from training.asr.adaptation.recipe import AdaptationRecipe
    from training.asr.finetuning.spelling import Speller, TokenRow
    from training.asr.speech.augment import Background

Kind = Literal["plain", "long_tail", "full", "joined"]
_MIN_PIECES_OF_A_SPEAKER = 4
_GAP_SECONDS = (0.1, 0.6)  # between joined pieces
_MIN_JOINED_SECONDS = 5.0
_SPED_SHARE = 0.5  # of joined batches' windows
_NEIGHBOURS = 300  # pieces of about one length, among which those of a batch are drawn
_FULL_CONTEXT_WINDOWS = 2


class HeardBatch(NamedTuple):
    """Windows with their texts and, where they are known, the teacher's states.

    Shapes: ``audio`` (batch, n_samples) at 16 kHz; ``tokens`` and ``targets`` (batch, tokens);
    ``states`` (batch, positions, width) in fp16, zeros where there are none; ``is_known``
    (batch, positions). A window without words has the token of no speech and the end of text.
    """

    audio: Tensor
    tokens: Tensor
    targets: Tensor
    states: Tensor | None = None
    is_known: Tensor | None = None


class Heard(NamedTuple):
    """A window before it is padded: samples at 16 kHz, text, the piece whose states are known."""

    samples: FloatArray
    text: str
    number: int = -1


class HearingBatches:
    """The batches of a run.

    Args:
        recipe: Lengths, line, shares, seed.
        store: The pieces.
        speller: Writes texts in the student's tokens.
        background: Noise and music of the line.
        positions: Of the encoder's full context.
    """

    def __init__(
        self,
        recipe: AdaptationRecipe,
        store: PieceStore,
        speller: Speller,
        background: Background,
        positions: int,
    ) -> None:
        self._recipe = recipe
        self._store = store
        self._speller = speller
        self._background = background
        self._non_speech = NonSpeechSounds(background)
        self._full_samples = positions * SAMPLES_PER_POSITION
        self._lengths = np.array([piece.samples for piece in store.pieces])
        weights = {corpus.name: corpus.weight for corpus in recipe.pieces.corpora}
        self._weights = np.array([weights[piece.corpus] for piece in store.pieces])
        drawn = np.repeat(np.arange(len(store)), self._weights)
        self._by_length = drawn[np.argsort(self._lengths[drawn], kind="stable")]
        self._groups = _joinable(store.pieces, weights)

    def make(self, number: int) -> HeardBatch:
        """Return batch ``number``, counted from the beginning of the run."""
        random = np.random.default_rng((self._recipe.seed, number))
        kind = self._draw_kind(random)
        tail_ms = self._draw_tail_ms(kind, random)
        if kind == "joined":
            heard = self._joined(tail_ms, random)
        else:
            heard = self._alike(kind, tail_ms, random)
        heard = [self._perhaps_without_words(one, random) for one in heard]
        longest = max(len(one.samples) for one in heard) + tail_ms * SAMPLE_RATE_HZ // 1000
        length = -(-longest // SAMPLES_PER_POSITION) * SAMPLES_PER_POSITION
        length = self._full_samples if kind == "full" else min(length, self._full_samples)
        return self._collate(heard, length)

    def _draw_kind(self, random: np.random.Generator) -> Kind:
        hearing, drawn = self._recipe.hearing, random.random()
        shares: tuple[tuple[Kind, float], ...] = (
            ("full", hearing.full_share),
            ("long_tail", hearing.long_tail_share),
            ("joined", hearing.joined_share),
        )
        for kind, share in shares:
            if drawn < share:
                return kind
            drawn -= share
        return "plain"

    def _draw_tail_ms(self, kind: Kind, random: np.random.Generator) -> int:
        hearing = self._recipe.hearing
        if kind in ("long_tail", "full"):
            return hearing.long_tail_ms
        return int(random.integers(hearing.min_tail_ms, hearing.max_tail_ms + 1))

    def _alike(self, kind: Kind, tail_ms: int, random: np.random.Generator) -> list[Heard]:
        """Return pieces of about one length, by weight, as many as fill a batch."""
        middle = int(random.integers(len(self._by_length)))
        first = max(0, min(middle - _NEIGHBOURS // 2, len(self._by_length) - _NEIGHBOURS))
        near = np.unique(self._by_length[first : first + _NEIGHBOURS])
        anchor = self._lengths[self._by_length[middle]] / SAMPLE_RATE_HZ + tail_ms / 1000
        count = max(1, int(self._recipe.optimisation.batch_seconds / anchor))
        if kind == "full":
            count = _FULL_CONTEXT_WINDOWS
        weights = self._weights[near]
        shares = weights / weights.sum() if np.ptp(weights) else None
        chosen = random.choice(near, size=min(count, len(near)), replace=False, p=shares)
        return [
            Heard(
                self._on_the_line(self._store.samples(int(n)), random),
                self._store.pieces[int(n)].text,
                int(n),
            )
            for n in chosen
        ]

    def _joined(self, tail_ms: int, random: np.random.Generator) -> list[Heard]:
        """Return long windows, as many as fill a batch; the teacher's states are not known."""
        room = self._recipe.optimisation.batch_seconds
        longest = self._recipe.pieces.max_seconds
        seconds = random.uniform(min(_MIN_JOINED_SECONDS, longest / 2), longest)
        windows = max(1, int(room / (seconds + tail_ms / 1000)))
        return [self._join(seconds, random) for _ in range(windows)]

    def _join(self, seconds: float, random: np.random.Generator) -> Heard:
        group = self._groups[int(random.integers(len(self._groups)))]
        parts: list[FloatArray] = []
        texts: list[str] = []
        length, room = 0, int(seconds * SAMPLE_RATE_HZ)
        for number in random.permutation(group):
            samples = self._store.samples(int(number))
            if parts and length + len(samples) > room:
                break
            gap = int(random.uniform(*_GAP_SECONDS) * SAMPLE_RATE_HZ) if parts else 0
            parts += [np.zeros(gap, np.float32), samples]
            length += gap + len(samples)
            texts.append(self._store.pieces[int(number)].text)
        joined = np.concatenate(parts)
        if random.random() < _SPED_SHARE:
            speed = 1 + random.uniform(-1, 1) * self._recipe.hearing.speed
            joined = soxr.resample(joined, SAMPLE_RATE_HZ * speed, SAMPLE_RATE_HZ, "MQ")
        return Heard(self._on_the_line(np.asarray(joined, np.float32), random), " ".join(texts))

    def _perhaps_without_words(self, heard: Heard, random: np.random.Generator) -> Heard:
        """Return the window, or one as long in which nobody speaks."""
        if random.random() >= self._recipe.hearing.non_speech_share:
            return heard
        length = len(heard.samples) * LINE_RATE_HZ // SAMPLE_RATE_HZ
        return Heard(from_line_rate(self._non_speech.draw(random, length)), "")

    def _on_the_line(self, samples: FloatArray, random: np.random.Generator) -> FloatArray:
        hearing = self._recipe.hearing
        if random.random() < hearing.clean_share:
            return samples
        other = self._store.samples(int(random.integers(len(self._store))))
        line = augment(
            to_line_rate(samples),
            hearing.line,
            self._background,
            random,
            other=to_line_rate(other) if hearing.line.echo_probability else None,
        )
        return from_line_rate(line)

    def _row(self, text: str) -> TokenRow:
        row = self._speller.row(Clip("a piece", text, "en", 0.0, lambda: np.zeros(0, np.float32)))
        if row is None:
            raise ValueError(f"the student cannot write {text!r}")
        return row

    def _collate(self, heard: Sequence[Heard], length: int) -> HeardBatch:
        rows = [self._row(one.text) for one in heard]
        audio = np.zeros((len(heard), length), np.float32)
        width = max(len(row.tokens) for row in rows)
        tokens = np.full((len(rows), width), rows[0].targets[-1])
        targets = np.full((len(rows), width), IGNORED)
        for index, (one, row) in enumerate(zip(heard, rows, strict=True)):
            audio[index, : min(len(one.samples), length)] = one.samples[:length]
            tokens[index, : len(row.tokens)] = row.tokens
            targets[index, : len(row.targets)] = row.targets
        batch = HeardBatch(*map(torch.from_numpy, (audio, tokens, targets)))
        known = {
            index: self._store.states(one.number)
            for index, one in enumerate(heard)
            if one.number >= 0
        }
        if not known:
            return batch
        width = next(iter(known.values())).shape[1]
        states = np.zeros((len(heard), length // SAMPLES_PER_POSITION, width), "f2")
        is_known = np.zeros(states.shape[:2], np.bool_)
        for index, its_states in known.items():
            states[index, : len(its_states)] = its_states[: states.shape[1]]
            is_known[index, : len(its_states)] = True
        return batch._replace(states=torch.from_numpy(states), is_known=torch.from_numpy(is_known))


def _joinable(pieces: Sequence[Piece], weights: Mapping[str, int]) -> list[list[int]]:
    """Return groups of pieces that may be joined: of one speaker, or else of one corpus.

    The groups of a corpus are there as often as its weight.
    """
    by_speaker: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for number, piece in enumerate(pieces):
        by_speaker[piece.corpus, piece.speaker].append(number)
    groups: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for (corpus, speaker), numbers in by_speaker.items():
        is_enough = len(numbers) >= _MIN_PIECES_OF_A_SPEAKER
        groups[corpus, speaker if is_enough else ""] += numbers
    return [groups[key] for key in sorted(groups) for _ in range(weights[key[0]])]

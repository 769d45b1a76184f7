"""Training batches, each a pure function of the seed, the step and the process."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
import soxr
import torch

from training.asr.scratch.vocabulary import WordSegmenter
from training.asr.speech.augment import Background, augment, non_speech
from training.asr.speech.utterances import SAMPLE_RATE_HZ, SpeechPool
from training.asr.whisper.losses import IGNORED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from training.asr.scratch.inventory import Inventory
    from training.asr.scratch.recipe import TrainingStage

FRAME_MS = 20  # one encoder position
_MODEL_RATE_HZ = 16_000
_TAIL_PAD_MS = 300
_WINDOW_STEP_MS = 40  # windows are whole encoder positions
_SPAN_MARGIN_MS = 40
_CHARACTERS = {letter: number for number, letter in enumerate(" 'abcdefghijklmnopqrstuvwxyz", 1)}
_PIECE_SHARE = 0.6  # of a window, for the first utterance of a pair
_NEIGHBOURS = 200
_REAL_WEIGHTS = {"speechocean762": 0.3, "kathleen": 0.3, "ljspeech": 0.35, "fsdd": 0.05}
_DIGITS_CORPUS = "fsdd"


class Item(msgspec.Struct):
    """One window's content before the telephone line: 8 kHz samples and what is said in them.

    ``word_spans_ms`` is empty where the times are unknown. Phones are class numbers with their
    starts, followed by the end of the last one.
    """

    samples: NDArray[np.float32]
    words: tuple[str, ...]
    word_spans_ms: tuple[tuple[int, int], ...] = ()
    phone_set: str = ""
    phones: tuple[int, ...] = ()
    phone_borders_ms: tuple[int, ...] = ()
    is_speech: bool = True


class Batch(NamedTuple):
    """One step's tensors.

    Shapes: ``audio`` (batch, n_samples) at 16 kHz; ``tokens`` and ``targets`` (batch, tokens);
    ``spans`` (batch, tokens, 2) in frames; every entry of ``phones`` (batch, frames);
    ``characters`` (batch, longest) and ``character_counts`` (batch,).
    """

    audio: Tensor
    tokens: Tensor
    targets: Tensor
    spans: Tensor
    phones: dict[str, Tensor]
    characters: Tensor
    character_counts: Tensor


class PhoneSets:
    """The phones of each synthesiser, numbered by name; each synthesiser has a head of its own."""

    def __init__(self, names: dict[str, list[str]]) -> None:
        """Number the phones of every set in the order given."""
        self.names = names
        self._numbers = {key: {n: i for i, n in enumerate(value)} for key, value in names.items()}

    def numbers(self, phone_set: str, phones: Sequence[str]) -> tuple[int, ...]:
        """Return the class numbers of ``phones``; an unknown phone becomes silence."""
        known = self._numbers[phone_set]
        silence = known.get("_", 0)
        return tuple(known.get(phone, silence) for phone in phones)


def excerpt(item: Item, first: int, last: int, *, tail_ms: int) -> Item:
    """Return words ``first`` to ``last`` (exclusive) of ``item``, and ``tail_ms`` more audio."""
    start_ms = item.word_spans_ms[first][0] if first else 0
    end_ms = item.word_spans_ms[last - 1][1] + tail_ms
    samples = item.samples[_samples(start_ms) : _samples(end_ms)]
    inside = [
        (phone, start, end)
        for phone, start, end in zip(
            item.phones, item.phone_borders_ms, item.phone_borders_ms[1:], strict=False
        )
        if end > start_ms and start < end_ms
    ]
    borders = [max(start - start_ms, 0) for _, start, _ in inside]
    return Item(
        samples=samples,
        words=item.words[first:last],
        word_spans_ms=tuple(
            (a - start_ms, b - start_ms) for a, b in item.word_spans_ms[first:last]
        ),
        phone_set=item.phone_set,
        phones=tuple(phone for phone, _, _ in inside),
        phone_borders_ms=(*borders, len(samples) * 1000 // SAMPLE_RATE_HZ) if inside else (),
    )


def join(first: Item, second: Item, *, pause_ms: int) -> Item:
    """Return two items in a row; times are kept where both have times of the same kind."""
    gap = np.zeros(_samples(pause_ms), np.float32)
    shift_ms = (len(first.samples) + len(gap)) * 1000 // SAMPLE_RATE_HZ
    timed = bool(first.word_spans_ms and second.word_spans_ms)
    same = timed and first.phone_set == second.phone_set
    moved = tuple((a + shift_ms, b + shift_ms) for a, b in second.word_spans_ms)
    return Item(
        samples=np.concatenate([first.samples, gap, second.samples]),
        words=first.words + second.words,
        word_spans_ms=first.word_spans_ms + moved if timed else (),
        phone_set=first.phone_set if same else "",
        phones=first.phones + second.phones if same else (),
        phone_borders_ms=(
            *first.phone_borders_ms[:-1],
            *(border + shift_ms for border in second.phone_borders_ms),
        )
        if same
        else (),
    )


def _samples(ms: float) -> int:
    return int(ms * SAMPLE_RATE_HZ / 1000)


class _Corpus:
    """A pool whose utterances are found by their length."""

    def __init__(self, pool: SpeechPool, phone_sets: PhoneSets) -> None:
        self.pool = pool
        self._phone_sets = phone_sets
        seconds = pool.seconds()
        self.order = np.argsort(seconds, kind="stable")
        self.seconds = seconds[self.order]

    def near(self, seconds: float, random: np.random.Generator) -> Item:
        """Return an utterance of about this length, and no longer one if a shorter one exists."""
        end = int(np.searchsorted(self.seconds, seconds, side="right"))
        end = max(end, 1)
        start = max(0, end - _NEIGHBOURS)
        return self.item(int(self.order[int(random.integers(start, end))]))

    def longer(self, seconds: float, random: np.random.Generator) -> Item:
        """Return an utterance of up to three times this length."""
        start = int(np.searchsorted(self.seconds, seconds))
        end = int(np.searchsorted(self.seconds, seconds * 3.0))
        if end <= start:
            return self.near(seconds, random)
        return self.item(int(self.order[int(random.integers(start, end))]))

    def item(self, index: int) -> Item:
        utterance = self.pool.utterances[index]
        phones = utterance.phones
        numbers = self._phone_sets.numbers(utterance.phone_set, phones) if phones else ()
        return Item(
            samples=self.pool.samples(index),
            words=utterance.words,
            word_spans_ms=utterance.word_spans_ms,
            phone_set=utterance.phone_set,
            phones=numbers,
            phone_borders_ms=(*utterance.phone_starts_ms, utterance.phones_end_ms)
            if phones
            else (),
        )


class BatchMaker:
    """Makes the batch of any step from the pools."""

    def __init__(
        self,
        synthetic: SpeechPool,
        real: dict[str, SpeechPool],
        background: Background,
        inventory: Inventory,
    ) -> None:
        """Index the pools by length."""
        self._phone_sets = PhoneSets(inventory.phone_sets)
        self._synthetic = _Corpus(synthetic, self._phone_sets)
        self._real = {name: _Corpus(pool, self._phone_sets) for name, pool in real.items()}
        self._background = background
        self._segmenter = WordSegmenter(inventory.vocabulary)
        self._special = inventory.vocabulary.special
        self._vocabulary = len(inventory.vocabulary)

    def make(self, stage: TrainingStage, *, batch_seconds: float, seed: tuple[int, ...]) -> Batch:
        """Return a batch of windows of about one length, ``batch_seconds`` of audio in all."""
        random = np.random.default_rng(seed)
        seconds = self._draw_length(stage, random)
        count = max(2, round(batch_seconds / (seconds + 0.8)))
        items = [self._draw_item(stage, seconds, random) for _ in range(count)]
        windows = [self._through_line(item, stage, random) for item in items]
        batch = self._collate(windows)
        return batch._replace(tokens=self._replace_tokens(batch.tokens, stage.token_noise, random))

    def _draw_length(self, stage: TrainingStage, random: np.random.Generator) -> float:
        lengths = self._synthetic.seconds
        end = int(np.searchsorted(lengths, stage.max_seconds, side="right"))
        seconds = float(lengths[int(random.integers(max(end, 1)))])
        # A pair or an excerpt may be of any length.
        if random.random() < (stage.pair_share + stage.excerpt_share) / 2:
            seconds = float(random.uniform(0.6, stage.max_seconds))
        return seconds

    def _draw_item(self, stage: TrainingStage, seconds: float, random: np.random.Generator) -> Item:
        kind = random.random()
        if kind < stage.non_speech_share:
            samples = non_speech(_samples(seconds * 1000), self._background, random)
            return Item(samples=samples, words=(), is_speech=False)
        kind -= stage.non_speech_share
        if kind < stage.real_share and self._real:
            return self._draw_real(seconds, random)
        kind -= stage.real_share
        if kind < stage.excerpt_share:
            return self._draw_excerpt(seconds, random)
        kind -= stage.excerpt_share
        if kind < stage.pair_share:
            return self._draw_pair(self._synthetic, seconds, random)
        return self._synthetic.near(seconds, random)

    def _draw_real(self, seconds: float, random: np.random.Generator) -> Item:
        names = list(self._real)
        weights = np.asarray([_REAL_WEIGHTS[name] for name in names])
        name = names[int(random.choice(len(names), p=weights / weights.sum()))]
        corpus = self._real[name]
        if name == _DIGITS_CORPUS:
            return self._draw_digits(corpus, seconds, random)
        if random.random() < 0.15 and seconds > 4.0:  # noqa: PLR2004
            return self._draw_pair(corpus, seconds, random)
        return corpus.near(seconds, random)

    def _draw_digits(self, corpus: _Corpus, seconds: float, random: np.random.Generator) -> Item:
        item = corpus.item(int(random.integers(len(corpus.pool))))
        while len(item.samples) < _samples((seconds - 0.8) * 1000):
            digit = corpus.item(int(random.integers(len(corpus.pool))))
            item = join(item, digit, pause_ms=int(random.integers(20, 250)))
        return item

    def _draw_pair(self, corpus: _Corpus, seconds: float, random: np.random.Generator) -> Item:
        pause_ms = int(random.integers(50, 600))
        first = corpus.near(seconds * random.uniform(0.2, _PIECE_SHARE), random)
        left = seconds - len(first.samples) / SAMPLE_RATE_HZ - pause_ms / 1000
        return join(first, corpus.near(max(left, 0.4), random), pause_ms=pause_ms)

    def _draw_excerpt(self, seconds: float, random: np.random.Generator) -> Item:
        item = self._synthetic.longer(seconds, random)
        first = 0
        if random.random() < 0.3:  # noqa: PLR2004
            first = int(random.integers(len(item.words)))
        start_ms = item.word_spans_ms[first][0] if first else 0
        ends = [end for _, end in item.word_spans_ms]
        last = max(bisect_right(ends, start_ms + seconds * 1000), first + 1)
        next_ms = ends[last] - ends[last - 1] if last < len(ends) else 400
        tail_ms = int(random.integers(0, max(1, min(200, int(next_ms * 0.7)))))
        return excerpt(item, first, last, tail_ms=tail_ms)

    def _through_line(self, item: Item, stage: TrainingStage, random: np.random.Generator) -> Item:
        """Return ``item`` with silence around it, after the telephone line."""
        if not item.is_speech:
            return item
        lead_ms = int(random.integers(0, 350)) if random.random() < 0.7 else 0  # noqa: PLR2004
        tail_ms = int(random.integers(0, 350))
        samples = np.concatenate(
            [np.zeros(_samples(lead_ms), np.float32), item.samples,
             np.zeros(_samples(tail_ms), np.float32)]
        )  # fmt: skip
        other = None
        if stage.augmentation.echo_probability:
            pool = self._synthetic.pool
            other = pool.samples(int(random.integers(len(pool))))
        item.samples = augment(samples, stage.augmentation, self._background, random, other=other)
        item.word_spans_ms = tuple((a + lead_ms, b + lead_ms) for a, b in item.word_spans_ms)
        item.phone_borders_ms = tuple(border + lead_ms for border in item.phone_borders_ms)
        return item

    def _replace_tokens(self, tokens: Tensor, share: float, random: np.random.Generator) -> Tensor:
        """Return ``tokens`` with a share of the text tokens replaced by random ones."""
        others = random.integers(self._special.no_speech + 1, self._vocabulary, tokens.shape)
        chosen = torch.from_numpy(random.random(tokens.shape) < share)
        is_text = tokens > self._special.no_speech
        return torch.where(chosen & is_text, torch.from_numpy(others), tokens)

    def _collate(self, items: list[Item]) -> Batch:
        longest_ms = max(len(item.samples) for item in items) * 1000 / SAMPLE_RATE_HZ
        steps = int((longest_ms + _TAIL_PAD_MS) // _WINDOW_STEP_MS) + 1
        window_ms = steps * _WINDOW_STEP_MS
        frames = window_ms // FRAME_MS
        narrow = np.zeros((_samples(window_ms), len(items)), np.float32)
        for column, item in enumerate(items):
            narrow[: len(item.samples), column] = item.samples
        wide = soxr.resample(narrow, SAMPLE_RATE_HZ, _MODEL_RATE_HZ, "HQ")
        rows = [self._token_rows(item) for item in items]
        characters = [spell_characters(item.words) for item in items]
        return Batch(
            audio=torch.from_numpy(np.ascontiguousarray(wide.T[:, : window_ms * 16])),
            tokens=_pad([row[0] for row in rows], self._special.end),
            targets=_pad([row[1] for row in rows], IGNORED),
            spans=_pad_spans([row[2] for row in rows]),
            phones=self._phone_targets(items, frames),
            characters=_pad(characters, 0),
            character_counts=torch.tensor([len(row) for row in characters]),
        )

    def _token_rows(self, item: Item) -> tuple[list[int], list[int], list[tuple[int, int]]]:
        special = self._special
        pieces = [self._segmenter.segment(word) for word in item.words]
        text = [token for piece in pieces for token in piece]
        tokens = [special.start, special.no_timestamps, *text]
        opening = special.no_timestamps if item.is_speech else special.no_speech
        targets = [opening, *text, special.end]
        spans = [(0, 0)]
        for piece, span in zip(pieces, item.word_spans_ms, strict=False):
            spans += _token_spans(len(piece), span)
        spans += [(0, 0)] * (len(tokens) - len(spans))
        return tokens, targets, spans

    def _phone_targets(self, items: list[Item], frames: int) -> dict[str, Tensor]:
        centres = np.arange(frames) * FRAME_MS + FRAME_MS // 2
        targets: dict[str, Tensor] = {}
        for name, names in self._phone_sets.names.items():
            rows = np.full((len(items), frames), IGNORED)
            silence = names.index("_") if "_" in names else 0
            for row, item in zip(rows, items, strict=True):
                if item.phone_set == name:
                    classes = np.asarray([silence, *item.phones, silence])
                    row[:] = classes[np.searchsorted(item.phone_borders_ms, centres, "right")]
            targets[name] = torch.from_numpy(rows)
        return targets


def _token_spans(count: int, span_ms: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the frames of a word's tokens: equal parts of its span, a margin on each side."""
    start, end = span_ms
    part = max(end - start, FRAME_MS) / count
    return [
        (
            max(int((start + part * number - _SPAN_MARGIN_MS) // FRAME_MS), 0),
            int((start + part * (number + 1) + _SPAN_MARGIN_MS) // FRAME_MS) + 1,
        )
        for number in range(count)
    ]


def spell_characters(words: Sequence[str]) -> list[int]:
    """Return the CTC classes of a text, a space between the words."""
    return [_CHARACTERS[character] for character in " ".join(words)]


def _pad(rows: list[list[int]], filler: int) -> Tensor:
    width = max(1, *(len(row) for row in rows))
    return torch.tensor([row + [filler] * (width - len(row)) for row in rows])


def _pad_spans(rows: list[list[tuple[int, int]]]) -> Tensor:
    width = max(len(row) for row in rows)
    return torch.tensor([row + [(0, 0)] * (width - len(row)) for row in rows])

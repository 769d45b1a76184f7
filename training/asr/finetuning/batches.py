"""Batches of clips, each a pure function of the seed and its number."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec
import numpy as np
import torch

from models.asr.core.dimensions import SAMPLES_PER_POSITION
from models.audio.samples import SAMPLE_RATE_HZ
from training.asr.finetuning.clips import from_line_rate, to_line_rate
from training.asr.finetuning.masks import draw_mask
from training.asr.speech.augment import Background, augment
from training.asr.speech.telephone_line import telephone_line
from training.asr.whisper.losses import IGNORED

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from torch import Tensor

    from models.audio.samples import FloatArray
    from training.asr.finetuning.clips import Clip
    from training.asr.finetuning.recipe import FineTuneRecipe
    from training.asr.finetuning.spelling import TokenRow

Made = TypeVar("Made")
_HOP = 160
_BATCHES_OF_A_LENGTH = 16  # batches among whose clips those of about one length are put together


class Window(msgspec.Struct, frozen=True):
    """What the encoder sees: all of its context, or a batch's longest clip and some silence.

    Attributes:
        positions: Of the whole context, 20 ms each.
        is_cut: Whether it is cut.
        pad_ms: Silence after the longest clip where it is cut.
    """

    positions: int
    is_cut: bool
    pad_ms: int

    def samples(self, longest: int) -> int:
        """Return the length of a batch's windows, given that of its longest clip."""
        whole = self.positions * SAMPLES_PER_POSITION
        if not self.is_cut:
            return whole
        wanted = longest + self.pad_ms * SAMPLE_RATE_HZ // 1000
        return min(-(-wanted // SAMPLES_PER_POSITION) * SAMPLES_PER_POSITION, whole)


class ClipBatch(NamedTuple):
    """Windows of audio with their tokens.

    Shapes: ``audio`` (batch, n_samples) at 16 kHz; ``tokens`` and ``targets`` (batch, tokens);
    ``masks`` (batch, mel_bands, n_samples / 160), or None.
    """

    audio: Tensor
    tokens: Tensor
    targets: Tensor
    masks: Tensor | None = None


class TokenisedClip(NamedTuple):
    """A clip and its tokens."""

    clip: Clip
    row: TokenRow


class ClipOrder:
    """Which clips are in which batch: every clip once an epoch, batches of about one length.

    Args:
        seconds: Of every clip.
        batch_clips: Clips of a batch.
        seed: Of the run.
    """

    def __init__(self, seconds: Sequence[float], batch_clips: int, seed: int) -> None:
        self._seconds = np.asarray(seconds)
        self._batch_clips = batch_clips
        self._seed = seed
        self._epoch = lru_cache(maxsize=2)(self._draw_epoch)
        self.batches = -(-len(seconds) // batch_clips)

    def batch(self, number: int) -> tuple[int, list[int]]:
        """Return the epoch of a batch, and its clips."""
        epoch, index = divmod(number, self.batches)
        return epoch, self._epoch(epoch)[index]

    def _draw_epoch(self, epoch: int) -> list[list[int]]:
        random = np.random.default_rng((self._seed, epoch))
        order = random.permutation(len(self._seconds))
        window = self._batch_clips * _BATCHES_OF_A_LENGTH
        batches: list[list[int]] = []
        for start in range(0, len(order), window):
            part = order[start : start + window]
            part = part[np.argsort(self._seconds[part], kind="stable")]
            batches += [
                part[first : first + self._batch_clips].tolist()
                for first in range(0, len(part), self._batch_clips)
            ]
        return [batches[int(i)] for i in random.permutation(len(batches))]


class TrainingBatches:
    """The batches of a run.

    Args:
        recipe: Seed, sizes, augmentation.
        clips: All clips to learn from.
        window: What the encoder sees.
        mel_bands: Of the spectrogram.
        background: Behind the speech on the telephone line.
    """

    def __init__(
        self,
        recipe: FineTuneRecipe,
        clips: Sequence[TokenisedClip],
        window: Window,
        mel_bands: int,
        background: Background,
    ) -> None:
        self._recipe = recipe
        self._clips = clips
        self._window = window
        self._mel_bands = mel_bands
        self._background = background
        seconds = [one.clip.seconds for one in clips]
        self.order = ClipOrder(seconds, recipe.optimisation.batch_clips, recipe.seed)

    def make(self, number: int) -> ClipBatch:
        """Return batch ``number``, counted from the beginning of the run."""
        epoch, indices = self.order.batch(number)
        heard = []
        for index in indices:
            random = np.random.default_rng((self._recipe.seed, epoch, index))
            heard.append((self._samples(self._clips[index].clip, random), random))
        batch = collate(
            [samples for samples, _ in heard],
            [self._clips[index].row for index in indices],
            self._window,
        )
        settings = self._recipe.spectrogram
        if not settings.time_masks and not settings.frequency_masks:
            return batch
        shape = (self._mel_bands, batch.audio.shape[1] // _HOP)
        masks = [
            draw_mask(settings, shape, spoken=min(len(samples) // _HOP, shape[1]), random=random)
            for samples, random in heard
        ]
        return batch._replace(masks=torch.from_numpy(np.stack(masks)))

    def _samples(self, clip: Clip, random: np.random.Generator) -> FloatArray:
        samples = clip.read()
        settings = self._recipe.data
        if random.random() >= settings.telephone_share:
            return samples
        line = augment(
            to_line_rate(samples),
            settings.augmentation,
            self._background,
            random,
            other=self._other_party(random) if settings.augmentation.echo_probability else None,
        )
        return from_line_rate(line)

    def _other_party(self, random: np.random.Generator) -> FloatArray:
        return to_line_rate(self._clips[int(random.integers(len(self._clips)))].clip.read())


def validation_batches(
    recipe: FineTuneRecipe, clips: Sequence[TokenisedClip], window: Window
) -> Iterator[tuple[list[Clip], ClipBatch]]:
    """Yield the validation set by length, the same at every validation.

    A batch has clips of one language, since all begin with the same tokens.
    """
    numbered = list(enumerate(clips))
    size = recipe.validation.batch_clips
    for language in sorted({one.clip.language for one in clips}):
        spoken = [(i, one) for i, one in numbered if one.clip.language == language]
        spoken.sort(key=lambda pair: pair[1].clip.seconds)
        for start in range(0, len(spoken), size):
            part = spoken[start : start + size]
            heard = [_validated(one.clip, i, recipe) for i, one in part]
            rows = [one.row for _, one in part]
            yield [one.clip for _, one in part], collate(heard, rows, window)


def _validated(clip: Clip, number: int, recipe: FineTuneRecipe) -> FloatArray:
    samples = clip.read()
    if not recipe.data.validation_line:
        return samples
    return from_line_rate(telephone_line(to_line_rate(samples), seed=number))


def collate(heard: Sequence[FloatArray], rows: Sequence[TokenRow], window: Window) -> ClipBatch:
    """Return a batch of clips, padded with silence and with tokens that do not count."""
    length = window.samples(max(len(samples) for samples in heard))
    audio = np.zeros((len(heard), length), np.float32)
    for row_index, samples in enumerate(heard):
        audio[row_index, : min(len(samples), length)] = samples[:length]
    width = max(len(row.tokens) for row in rows)
    tokens = np.full((len(rows), width), rows[0].targets[-1])
    targets = np.full((len(rows), width), IGNORED)
    for row_index, row in enumerate(rows):
        tokens[row_index, : len(row.tokens)] = row.tokens
        targets[row_index, : len(row.targets)] = row.targets
    return ClipBatch(torch.from_numpy(audio), torch.from_numpy(tokens), torch.from_numpy(targets))


def read_ahead(make: Callable[[int], Made], first: int, last: int, readers: int) -> Generator[Made]:
    """Yield batches ``first`` to ``last`` (exclusive) in order, and make the next ones meanwhile.

    Args:
        make: Returns the batch of a number.
        first: Number of the first.
        last: Number after the last.
        readers: Threads that make them; twice as many batches are made ahead.
    """
    pool = ThreadPoolExecutor(readers)
    waiting = deque(pool.submit(make, n) for n in range(first, min(first + 2 * readers, last)))
    upcoming = first + len(waiting)
    try:
        while waiting:
            batch = waiting.popleft().result()
            if upcoming < last:
                waiting.append(pool.submit(make, upcoming))
                upcoming += 1
            yield batch
    finally:
        pool.shutdown(wait=True, cancel_futures=True)

"""Rows as the network reads them: token ids, windows of them, labels as numbers."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from models.classification.readings import TokenizedCall
from models.text.spoken_form import spoken_form
from training.classification.learning.losses import ABSENT
from training.core.errors import MissingDataError
from training.text.batches import epoch_batches, padded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tokenizers import Tokenizer

    from models.classification.label_set import LabelSet
    from models.text.encoder import SpecialTokens
    from training.classification.corpus.rows import Row

_ROWS_AT_ONCE = 1024


class LabelledCalls(NamedTuple):
    """Rows as numbers.

    Attributes:
        ids: Of each row: its tokens, without special ones.
        labels: Shape (rows, labels), as `training.classification.learning.losses` takes them.
        sources: Of each row.
    """

    ids: list[list[int]]
    labels: torch.Tensor
    sources: list[str]


class Windows(NamedTuple):
    """How windows of a call are made into inputs.

    Attributes:
        special: Ids of the special tokens.
        max_tokens: Longest window, special tokens included.
        is_full: Every window is padded to ``max_tokens``.
    """

    special: SpecialTokens
    max_tokens: int
    is_full: bool = False

    @property
    def room(self) -> int:
        """Return the tokens of a call that fit into one window."""
        return self.max_tokens - self.special.around

    def input(self, ids: Sequence[int]) -> list[int]:
        """Return a window with its special tokens."""
        first = [self.special.first] if self.special.first >= 0 else []
        last = [self.special.last] if self.special.last >= 0 else []
        return [*first, *ids, *last]

    def padded(self, windows: Sequence[Sequence[int]], length: int = 0) -> dict[str, torch.Tensor]:
        """Return windows as the network takes them.

        Args:
            windows: Token ids without special ones.
            length: That they are padded to; 0 takes that of the longest, or ``max_tokens``.
        """
        wanted = length or (self.max_tokens if self.is_full else 0)
        rows = [self.input(window) for window in windows]
        ids, mask = padded(rows, padding=self.special.padding, length=wanted)
        return {"input_ids": ids, "attention_mask": mask}


def read_calls(
    rows: Sequence[Row], tokenizer: Tokenizer, label_set: LabelSet
) -> tuple[LabelledCalls, list[Row]]:
    """Return rows as numbers, and the rows that have words, which are those.

    Args:
        rows: With labels of the label set.
        tokenizer: Of the network.
        label_set: Decides whose turns are read, and the columns of labels.
    """
    ids: list[list[int]] = []
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        texts = [classified_text(row, label_set) for row in rows[start : start + _ROWS_AT_ONCE]]
        encoded = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        ids += [each.ids for each in encoded]
    spoken = [index for index, tokens in enumerate(ids) if tokens]
    kept = [rows[index] for index in spoken]
    labels = label_matrix([row.labels for row in kept], label_set)
    sources = [row.source for row in kept]
    return LabelledCalls([ids[index] for index in spoken], labels, sources), kept


def tokenized(
    rows: Sequence[Row], tokenizer: Tokenizer, label_set: LabelSet
) -> list[TokenizedCall]:
    """Return the token ids of rows turn by turn, as the live path has them of calls.

    Args:
        rows: Of any kind.
        tokenizer: Of the network.
        label_set: Decides whose turns are read.
    """
    found = []
    for row in rows:
        read = label_set.classified([turn.party for turn in row.turns])
        texts = [spoken_form(row.turns[index].text) for index in read]
        encoded = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        parties = [row.turns[index].party for index in read]
        found.append(TokenizedCall([each.ids for each in encoded], parties))
    return found


def classified_text(row: Row, label_set: LabelSet) -> str:
    """Return the spoken form of the turns of a row that are classified."""
    read = label_set.classified([turn.party for turn in row.turns])
    return " ".join(filter(None, (spoken_form(row.turns[index].text) for index in read)))


def label_matrix(
    labels: Iterable[Mapping[str, Sequence[str]]], label_set: LabelSet
) -> torch.Tensor:
    """Return labels as numbers, shape (rows, labels): 1, 0, or -1 throughout an absent task.

    Of a task with several labels none may hold; one with one label without it is absent.

    Raises:
        MissingDataError: A label is not of the label set.
    """
    lines = []
    for row in labels:
        line: list[float] = []
        for task in label_set.tasks:
            held = row.get(task.name)
            if held is None or (not held and task.mode == "single"):
                line += [ABSENT] * len(task.labels)
                continue
            unknown = set(held) - set(task.names)
            if unknown:
                raise MissingDataError(
                    f"a row has {min(unknown)!r}, which is no label of {task.name!r} in "
                    f"{label_set.versioned_name}: prepare the rows again with this label set"
                )
            line += [float(name in held) for name in task.names]
        lines.append(line)
    width = sum(len(task.labels) for task in label_set.tasks)
    return torch.tensor(lines, dtype=torch.float32).reshape(-1, width)


class Place(NamedTuple):
    """One window to be read: the epoch that draws it, and its row."""

    epoch: int
    row: int


class RandomWindows(Dataset[tuple[list[int], torch.Tensor]]):
    """One window of each row; where it lies depends on the seed, the epoch and the row alone.

    Args:
        calls: To read.
        room: Tokens of a window.
        seed: Of the places.
    """

    def __init__(self, calls: LabelledCalls, room: int, seed: int) -> None:
        self._calls = calls
        self._room = room
        self._seed = seed

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._calls.ids)

    def __getitem__(self, place: Place) -> tuple[list[int], torch.Tensor]:
        """Return the tokens of a window, and the labels of its row."""
        ids = self._calls.ids[place.row]
        beyond = len(ids) - self._room
        if beyond > 0:
            random = np.random.default_rng([self._seed, place.epoch, place.row])
            start = int(random.integers(beyond + 1))
            ids = ids[start : start + self._room]
        return ids, self._calls.labels[place.row]

    @property
    def sources(self) -> list[str]:
        """Return the source of each row."""
        return self._calls.sources

    @property
    def lengths(self) -> list[int]:
        """Return the tokens of the window of each row."""
        return [min(len(ids), self._room) for ids in self._calls.ids]


class EpochBatches(Sampler[list[Place]]):
    """The batches of one epoch after another, each of about one length.

    Args:
        windows: To read.
        shares: Of a source's rows that an epoch reads.
        batch: Rows of a batch.
        seed: Of the order.
    """

    def __init__(
        self, windows: RandomWindows, shares: Mapping[str, float], batch: int, seed: int
    ) -> None:
        self.batch_size, self.drop_last = batch, False
        self._lengths = windows.lengths
        self._seed = seed
        self._epoch = 0
        by_source: dict[str, list[int]] = {}
        for row, source in enumerate(windows.sources):
            by_source.setdefault(source, []).append(row)
        self._wanted = [
            (np.array(rows), round(shares.get(source, 1.0) * len(rows)))
            for source, rows in sorted(by_source.items())
        ]

    def set_epoch(self, epoch: int) -> None:
        """Go on to an epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return ceil(sum(count for _, count in self._wanted) / self.batch_size)

    def __iter__(self) -> Iterator[list[Place]]:
        """Yield the batches of the epoch."""
        epoch = self._epoch
        rows = self._rows(epoch)
        lengths = [self._lengths[row] for row in rows]
        for chosen in epoch_batches(lengths, self.batch_size, seed=self._seed, epoch=epoch):
            yield [Place(epoch, rows[index]) for index in chosen]

    def _rows(self, epoch: int) -> list[int]:
        """Return the rows of an epoch; a source goes round its rows before one is read again."""
        chosen: list[int] = []
        for number, (rows, count) in enumerate(self._wanted):
            turn, done = divmod(epoch * count, max(len(rows), 1))
            left = count
            while left > 0:
                order = np.random.default_rng([self._seed, number, turn]).permutation(rows)
                part = order[done : done + left].tolist()
                chosen += part
                left -= len(part)
                turn, done = turn + 1, 0
        return chosen

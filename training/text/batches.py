"""Batches of token ids: of about one length, padded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROWS_SORTED_TOGETHER = 64  # batches


def padded(
    rows: Sequence[Sequence[int]], *, padding: int, length: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the ids and the attention mask of some rows, each of shape (rows, width).

    Args:
        rows: Ids of each text, special tokens included.
        padding: Id that fills shorter rows.
        length: The width; 0 takes that of the longest row.
    """
    width = length or max(map(len, rows))
    ids = np.full((len(rows), width), padding, dtype=np.int64)
    mask = np.zeros_like(ids)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
        mask[index, : len(row)] = 1
    return torch.from_numpy(ids), torch.from_numpy(mask)


def by_length(lengths: Sequence[int], batch: int) -> Iterator[list[int]]:
    """Return batches of the indices of all texts, each of about one length."""
    order = np.argsort(np.asarray(lengths), kind="stable").tolist()
    return (order[i : i + batch] for i in range(0, len(order), batch))


def epoch_batches(lengths: Sequence[int], batch: int, *, seed: int, epoch: int) -> list[list[int]]:
    """Return the batches of an epoch: shuffled, each of about one length."""
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(lengths))
    sizes = np.asarray(lengths)
    batches: list[list[int]] = []
    span = batch * ROWS_SORTED_TOGETHER
    for start in range(0, len(order), span):
        part = order[start : start + span]
        part = part[np.argsort(sizes[part], kind="stable")]
        batches += [part[i : i + batch].tolist() for i in range(0, len(part), batch)]
    return [batches[i] for i in random.permutation(len(batches))]

"""The inputs of a model: tokens, or the states of a frozen encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from transformers import PreTrainedTokenizerBase

    from training.turns.corpus.examples import Example
    from training.turns.learning.classifier import TurnClassifier

_ROWS_SORTED_TOGETHER = 64  # batches


class LabelledTexts(Protocol):
    """Labelled texts in a form that a model, or the head of one, takes."""

    labels: torch.Tensor

    @property
    def lengths(self) -> Sequence[int]:
        """Return the length of each text, in units of its cost."""

    def logits(self, model: TurnClassifier, chosen: Sequence[int]) -> torch.Tensor:
        """Return the model's logits of some of the texts, shape (chosen, 2)."""


class TokenRows:
    """Texts as token ids.

    Args:
        rows: Ids of each text, special tokens included.
        labels: 1 is complete.
        padding: Id that fills shorter rows.
        length: That every batch is padded to; 0 pads to the longest row of a batch.
    """

    def __init__(
        self, rows: Sequence[Sequence[int]], labels: Sequence[int], *, padding: int, length: int = 0
    ) -> None:
        self.labels = torch.tensor(labels, dtype=torch.long)
        self.lengths = [len(row) for row in rows]
        self._rows = rows
        self._padding = padding
        self._length = length

    def padded(self, chosen: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ids and attention mask of some rows, each of shape (chosen, length)."""
        width = self._length or max(self.lengths[i] for i in chosen)
        ids = np.full((len(chosen), width), self._padding, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, i in enumerate(chosen):
            ids[row, : self.lengths[i]] = self._rows[i]
            mask[row, : self.lengths[i]] = 1
        return torch.from_numpy(ids), torch.from_numpy(mask)

    def logits(self, model: TurnClassifier, chosen: Sequence[int]) -> torch.Tensor:
        """Return the logits of the whole network."""
        return model.judge(self.first_states(model, chosen))

    def first_states(self, model: TurnClassifier, chosen: Sequence[int]) -> torch.Tensor:
        """Return the encoder's states of the first token."""
        ids, mask = self.padded(chosen)
        return model.first_states(ids.to(model.device), mask.to(model.device))


class FirstStates:
    """Texts as a frozen encoder's last state of the first token.

    Args:
        states: Shape (texts, hidden).
        labels: 1 is complete.
    """

    def __init__(self, states: torch.Tensor, labels: torch.Tensor) -> None:
        self.labels = labels
        self.lengths = [1] * len(states)
        self._states = states

    def logits(self, model: TurnClassifier, chosen: Sequence[int]) -> torch.Tensor:
        """Return the logits of the head."""
        return model.judge(self._states[list(chosen)].to(model.device))


def token_rows(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int
) -> list[list[int]]:
    """Return the ids of texts, special tokens included; a long text keeps its tail."""
    if not texts:
        return []
    encoded = tokenizer(
        list(texts), truncation=True, max_length=max_length, return_attention_mask=False
    )
    return encoded["input_ids"]  # type: ignore[no-any-return]


def label_rows(
    tokenizer: PreTrainedTokenizerBase,
    examples: Sequence[Example],
    *,
    text: Literal["spoken", "written"],
    max_length: int,
    is_full: bool,
) -> TokenRows:
    """Return examples as a model takes them.

    Args:
        tokenizer: Of the model.
        examples: Any.
        text: The form that the model reads.
        max_length: Tokens of a text.
        is_full: Every row is padded to ``max_length``.
    """
    texts = [one.text if text == "spoken" else one.written for one in examples]
    return TokenRows(
        token_rows(tokenizer, texts, max_length),
        [int(one.is_complete) for one in examples],
        padding=tokenizer.pad_token_id or 0,
        length=max_length if is_full else 0,
    )


def frozen_states(model: TurnClassifier, rows: TokenRows, batch: int) -> FirstStates:
    """Return the states of every text from an encoder that does not learn."""
    states = torch.empty((len(rows.labels), model.config.hidden_size))
    model.train(False)
    with torch.inference_mode():
        for chosen in by_length(rows.lengths, batch):
            states[chosen] = rows.first_states(model, chosen).float().cpu()
    return FirstStates(states, rows.labels)


def all_logits(model: TurnClassifier, texts: LabelledTexts, batch: int) -> np.ndarray:
    """Return the logits of every text in order, fp64, shape (texts, 2); dropout is off."""
    logits = np.empty((len(texts.labels), 2))
    model.train(False)
    with torch.inference_mode():
        for chosen in by_length(texts.lengths, batch):
            logits[chosen] = texts.logits(model, chosen).cpu().double().numpy()
    return logits


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
    span = batch * _ROWS_SORTED_TOGETHER
    for start in range(0, len(order), span):
        part = order[start : start + span]
        part = part[np.argsort(sizes[part], kind="stable")]
        batches += [part[i : i + batch].tolist() for i in range(0, len(part), batch)]
    return [batches[i] for i in random.permutation(len(batches))]

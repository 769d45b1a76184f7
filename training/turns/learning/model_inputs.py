"""The inputs of a model: tokens, or the states of a frozen encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import torch

from training.text.batches import by_length, padded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase

    from training.turns.corpus.examples import Example
    from training.turns.learning.classifier import TurnClassifier


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
        rows = [self._rows[i] for i in chosen]
        return padded(rows, padding=self._padding, length=self._length)

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

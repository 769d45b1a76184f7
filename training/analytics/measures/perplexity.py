"""Perplexity of the targets: of each call over the tokens of its answer, then over the calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

EXCELLENT_BELOW = 5.0  # the document's only grade


class AnswerLosses(msgspec.Struct, frozen=True):
    """How unlikely the target of a call is to a model.

    Attributes:
        losses: Of each token of the target answer, its end included: minus the logarithm of its
            probability among all tokens.
        is_choice: Of each, whether the grammar allows another one in its place.
    """

    losses: tuple[float, ...]
    is_choice: tuple[bool, ...]


class Perplexity(msgspec.Struct, frozen=True, kw_only=True):
    """Perplexities of calls, each ``exp`` of the mean loss of its tokens.

    Attributes:
        calls: How many.
        tokens: Of them all.
        mean, median, std, min, max: Over the calls; each call counts once, however long.
        loss: Mean over all tokens; each token counts once.
        of_all_tokens: ``exp`` of that loss. It is below the mean over the calls, since ``exp`` is
            convex, unless short answers are the likelier ones.
    """

    calls: int
    tokens: int
    mean: float
    median: float
    std: float
    min: float
    max: float
    loss: float
    of_all_tokens: float

    @property
    def grade(self) -> str:
        """Return the document's grade."""
        bound = f"{EXCELLENT_BELOW:g}"
        return "excellent" if self.mean < EXCELLENT_BELOW else f"not below {bound}: no grade"


class Perplexities(msgspec.Struct, frozen=True, kw_only=True):
    """Perplexities over two choices of tokens.

    Attributes:
        answer: Over all tokens of the target answer and its end; none of the prompt.
        sampled: Over those alone where the grammar leaves a choice, which are the ones that a model
            samples when it serves.
    """

    answer: Perplexity
    sampled: Perplexity


# Test set of the document's model: 7B, its own tokenizer, answers with keys in full
DOCUMENT = {"mean": 1.3505, "median": 1.3516, "std": 0.1139, "min": 1.1250, "max": 1.6328}
DOCUMENT_LOSSES = (1.017, 0.268)  # of the validation set, before and after


def perplexities(targets: Sequence[AnswerLosses]) -> Perplexities:
    """Return the perplexities of the targets of calls.

    Raises:
        MissingDataError: There is no call.
    """
    return Perplexities(
        answer=perplexity(each.losses for each in targets),
        sampled=perplexity(
            tuple(
                loss
                for loss, is_choice in zip(each.losses, each.is_choice, strict=True)
                if is_choice
            )
            for each in targets
        ),
    )


def perplexity(losses: Iterable[Sequence[float]]) -> Perplexity:
    """Return the perplexity of calls from the losses of their tokens; calls without are left out.

    The standard deviation is that of these calls, not an estimate of one for all calls.

    Raises:
        MissingDataError: There is no call with tokens.
    """
    known = [np.asarray(each, float) for each in losses if len(each)]
    if not known:
        raise MissingDataError("no call has tokens of an answer: there is no perplexity")
    calls = np.exp([each.mean() for each in known])
    tokens = np.concatenate(known)
    figures = {
        "mean": calls.mean(),
        "median": np.median(calls),
        "std": calls.std(),
        "min": calls.min(),
        "max": calls.max(),
        "loss": tokens.mean(),
        "of_all_tokens": np.exp(tokens.mean()),
    }
    rounded = {name: round(float(value), 4) for name, value in figures.items()}
    return Perplexity(calls=len(known), tokens=len(tokens), **rounded)

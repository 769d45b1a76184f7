"""What a model wrote of calls, and who is asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from training.analytics.measures.findings import Answered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.analytics.corpus.examples import Example
    from training.analytics.measures.perplexity import AnswerLosses


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a model.

    Attributes:
        answered: The call and its analysis; without one where the back-end failed, or where the
            text is not valid.
        text: As it was written; empty where the back-end failed.
        prompt_tokens: That were read.
        answer_tokens: That were sampled or forced.
        prompt_s: To read the prompt.
        answer_s: To write the answer.
    """

    answered: Answered
    text: str = ""
    prompt_tokens: int = 0
    answer_tokens: int = 0
    prompt_s: float = 0.0
    answer_s: float = 0.0

    @property
    def is_valid(self) -> bool:
        """Return whether the text is of the form of an answer."""
        return self.answered.given is not None

    @property
    def has_failed(self) -> bool:
        """Return whether the back-end gave no text."""
        return not self.text and not self.is_valid


class Answerer(Protocol):
    """A model that analyses calls."""

    @property
    def name(self) -> str:
        """Return name and version, as the report has it."""

    def answer(
        self, examples: Sequence[Example], *, temperature: float = 0.0, seed: int = 0
    ) -> list[Outcome]:
        """Return an answer for each call; a failure is an outcome.

        Args:
            examples: Calls; their targets are not looked at.
            temperature: 0 takes the likeliest token.
            seed: Of the samples at a temperature.
        """


class TargetScorer(Protocol):
    """A model that says how likely targets are."""

    def losses(self, examples: Sequence[Example]) -> list[AnswerLosses]:
        """Return the losses of the target of each call, given its prompt."""

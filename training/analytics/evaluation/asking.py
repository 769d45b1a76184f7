"""Asks an analyst for the analyses of examples, with the prompts and grammars that serving has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.failed import Failed
from training.analytics.evaluation.outcomes import Outcome
from training.analytics.measures.findings import Answered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.analytics.serving.analyst import Analysed, Analyst
    from training.analytics.corpus.examples import Example


class AnalystAnswerer:
    """A model as it serves; see `Answerer`.

    Args:
        analyst: Of the model.
    """

    def __init__(self, analyst: Analyst) -> None:
        self._analyst = analyst

    @property
    def name(self) -> str:
        """Return name and version, as the report has it."""
        return self._analyst.name

    def answer(
        self, examples: Sequence[Example], *, temperature: float = 0.0, seed: int = 0
    ) -> list[Outcome]:
        """Return an answer for each call; a failure is an outcome.

        Args:
            examples: Calls; their targets are not looked at.
            temperature: 0 takes the likeliest token.
            seed: Of the samples at a temperature.
        """
        calls = [(each.turns, each.context) for each in examples]
        found = self._analyst.analyse(calls, temperature=temperature, seed=seed)
        return [_outcome(example, each) for example, each in zip(examples, found, strict=True)]


def _outcome(example: Example, found: Analysed | Failed) -> Outcome:
    if isinstance(found, Failed):
        return Outcome(answered=Answered(example, None, found.reason))
    generated = found.generated
    return Outcome(
        answered=Answered(example, found.analysis),
        text=generated.text,
        prompt_tokens=generated.prompt_tokens,
        answer_tokens=generated.answer_tokens,
        prompt_s=max(generated.prompt_s, 0.0),
        answer_s=generated.answer_s,
    )

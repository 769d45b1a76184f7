"""Calls with analyses, as small as tests need them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.analytics.analysis import Analysis, Choice, Judgement, Rating
from models.analytics.turns import SpokenTurn, TemporalContext
from training.analytics.corpus.examples import Example
from training.analytics.evaluation.outcomes import Outcome
from training.analytics.measures.findings import TASKS, Answered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

QUESTIONS = 6
NONE = Judgement(answer=None)


def analysis(**changes: Any) -> Analysis:
    """Return an analysis in which nothing is known, but for some attributes."""
    nothing: dict[str, Any] = dict.fromkeys(
        ("category", "journey", "action", "outcome", "csat", "churn", "quality")
    )
    content = nothing | {"faults": (), "scorecard": (NONE,) * QUESTIONS} | changes
    return Analysis(**content)


def choice(name: str, *turns: int, confidence: float = -1.0) -> Choice:
    """Return an entry of a list with its turns."""
    return Choice(name=name, turns=turns, confidence=confidence)


def rating(score: int, *turns: int, confidence: float = -1.0) -> Rating:
    """Return a score with its turns."""
    return Rating(score=score, turns=turns, confidence=confidence)


def example(
    target: Analysis,
    texts: Sequence[str] = ("hello", "my bill is wrong", "I see", "thanks"),
    *,
    name: str = "call",
    tasks: tuple[str, ...] = TASKS,
) -> Example:
    """Return a call whose parties take turns, the agent first."""
    turns = tuple(
        SpokenTurn("customer" if place % 2 else "agent", text) for place, text in enumerate(texts)
    )
    return Example(
        id=name,
        source="composed",
        group=name,
        guide="contact-centre-1",
        turns=turns,
        context=TemporalContext(),
        analysis=target,
        tasks=tasks,
        is_synthetic=True,
    )


def answered(target: Analysis, given: Analysis | None, **settings: Any) -> Answered:
    """Return a call and what was answered of it."""
    return Answered(example(target, **settings), given, "" if given else "not JSON")


class TableAnswerer:
    """A model whose answers stand in a table, by the id of the call; a call without one fails.

    Args:
        table: Answers by the id of the call: an analysis; a text that is none; or several analyses,
            one for each time that the call is asked.
        name: Of the model.
    """

    def __init__(
        self, table: Mapping[str, Analysis | str | Sequence[Analysis]], name: str = "table"
    ) -> None:
        self.name = name
        self.asked: list[tuple[float, int]] = []
        self._table = table
        self._times: dict[str, int] = {}

    def answer(
        self, examples: Sequence[Example], *, temperature: float = 0.0, seed: int = 0
    ) -> list[Outcome]:
        """Return the answers of the table."""
        self.asked.append((temperature, seed))
        return [self._outcome(each) for each in examples]

    def _outcome(self, call: Example) -> Outcome:
        found = self._table.get(call.id)
        if found is None:
            return Outcome(answered=Answered(call, None, "out of memory"))
        if isinstance(found, str):
            return Outcome(answered=Answered(call, None, "not JSON"), text=found)
        if not isinstance(found, Analysis):
            time = self._times.get(call.id, 0)
            self._times[call.id] = time + 1
            found = found[time % len(found)]
        return Outcome(
            answered=Answered(call, found),
            text=repr(found),
            prompt_tokens=100,
            answer_tokens=20,
            prompt_s=1.0,
            answer_s=0.5,
        )

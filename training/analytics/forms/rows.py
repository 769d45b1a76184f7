"""The forms of one call: chat messages without and with the time of the call, and MLX's text.

The answer has the document's keys. It is never cut; a call that is too long loses turns from its
middle. The keys of a task that is not known are left out: null would say that the call does not
show it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from models.analytics.answers import encode_answer
from models.analytics.prompts import TokenBudget, build_prompt
from models.analytics.turns import TemporalContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.analytics.answers import AnswerForm
    from models.analytics.guide import AnalysisGuide
    from models.analytics.prompts import PromptForm
    from training.analytics.corpus.examples import Example

_BEGIN, _END = "<|user|>\n", "\n\n<|assistant|>\n"
_UNBOUNDED = 2**40
_NO_TIME = TemporalContext()
_KEYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "category": (("primary_category",), ("summary", "issue"), ("evidence", "primary_category")),
    "journey": (("journey_type",), ("evidence", "journey_type")),
    "action": (("summary", "action"), ("evidence", "action")),
    "outcome": (("summary", "outcome"), ("evidence", "outcome")),
    "faults": (("coaching_recommendations",),),
    "scorecard": (("scorecard",),),
    "csat": (("csat",), ("evidence", "csat")),
    "churn": (("churn_risk",), ("evidence", "churn_risk")),
    "quality": (("quality_score",), ("effectiveness_rating",)),
}


class Limits(NamedTuple):
    """How long a call may be in a form.

    Attributes:
        max_tokens: Of prompt and answer together.
        answer_tokens: Kept free for the answer.
    """

    max_tokens: int
    answer_tokens: int


class Length(NamedTuple):
    """A call in one form.

    Attributes:
        tokens: Of prompt and answer before anything is cut.
        cut_turns: Turns that its middle loses.
    """

    tokens: int
    cut_turns: int


class Written(NamedTuple):
    """Prompt and answer of a call in one form."""

    system: str
    user: str
    answer: str
    length: Length


class FormWriter:
    """Writes calls in one form of prompts and answers.

    Args:
        guide: That the analyses are of.
        prompt: Form of the prompt.
        answer: Form of the answer.
        limits: How long they may be.
        count: Returns the number of tokens of a text.
    """

    def __init__(
        self,
        guide: AnalysisGuide,
        prompt: PromptForm,
        answer: AnswerForm,
        limits: Limits,
        count: Callable[[str], int],
    ) -> None:
        self._guide, self._prompt, self._answer = guide, prompt, answer
        self._limits, self._count = limits, count

    def write(self, example: Example, context: TemporalContext) -> Written:
        """Return prompt and answer of a call."""
        everything = TokenBudget(_UNBOUNDED, self._count)
        bounded = TokenBudget(self._limits.max_tokens - self._limits.answer_tokens, self._count)
        prompt = build_prompt(
            example.turns, context, self._prompt, guide=self._guide, budget=everything
        )
        answer = self._text(example, prompt.shown)
        tokens = everything.tokens(prompt) + self._count(answer)
        if not bounded.fits(prompt):
            prompt = build_prompt(
                example.turns, context, self._prompt, guide=self._guide, budget=bounded
            )
            answer = self._text(example, prompt.shown)
        cut = len(example.turns) - len(prompt.shown)
        return Written(prompt.system, prompt.user, answer, Length(tokens, cut))

    def _text(self, example: Example, shown: tuple[int, ...]) -> str:
        text = encode_answer(example.analysis, self._guide, self._answer, shown)
        return known_keys(text, example.tasks) if self._answer == "document" else text


class CallForms(NamedTuple):
    """A call in the forms that other trainers read.

    Attributes:
        chatml: Chat messages without the time of the call.
        temporal: Chat messages with it.
        mlx: One text, with the document's marks.
        length: Of the text.
    """

    chatml: dict[str, Any]
    temporal: dict[str, Any]
    mlx: dict[str, Any]
    length: Length


def call_forms(example: Example, writer: FormWriter) -> CallForms:
    """Return a call in all forms.

    Args:
        example: The call.
        writer: Of the document's forms.
    """
    plain, timed = writer.write(example, _NO_TIME), writer.write(example, example.context)
    return CallForms(
        chatml=_messages(plain),
        temporal=_messages(timed),
        mlx={"text": timed.user + timed.answer},
        length=timed.length,
    )


def known_keys(text: str, tasks: tuple[str, ...]) -> str:
    """Return the document's answer without the keys of tasks that are not known."""
    paths = [path for task, keys in _KEYS.items() if task not in tasks for path in keys]
    if not paths:
        return text
    content: dict[str, Any] = msgspec.json.decode(text)
    for *outer, last in paths:
        place = content[outer[0]] if outer else content
        place.pop(last)
    kept = {key: value for key, value in content.items() if value != {}}
    return msgspec.json.encode(kept).decode()


def _messages(written: Written) -> dict[str, Any]:
    said = written.user.removeprefix(_BEGIN).removesuffix(_END)
    return {
        "messages": [
            {"role": "user", "content": said},
            {"role": "assistant", "content": written.answer},
        ]
    }

"""Analyses that people bring: the document's keys, as far as a file has them.

A key that is missing says that the task is not known; null says that the call does not show it. A
name that the guide does not have makes the task unknown, and is told; a value of a wrong kind, or
out of bounds, makes the whole file unusable.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from models.analytics.analysis import (
    MAX_FAULTS,
    MAX_SCORE,
    STEP,
    Analysis,
    Choice,
    Judgement,
    Rating,
)
from models.analytics.answer_parts import turns_of
from models.analytics.guide import CATEGORY_TASK
from models.classification.label_set import load_label_set
from training.analytics.sources.protocol import Remark, UnusableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.analytics.analysis import Answer
    from models.analytics.guide import AnalysisGuide, Entry

UNKNOWN = "not in the guide"
_SEPARATORS = re.compile(r"[\s_/-]+")
_ANSWERS: dict[str, Answer] = {"yes": "yes", "no": "no", "true": "yes", "false": "no"}
_FAULT_KEYS = ("fault", "recommendation", "text", "area")


class Answered(NamedTuple):
    """What a file says of a call.

    Attributes:
        analysis: What is not known is as what the call does not show.
        tasks: That are known.
        remarks: What was read in another way than it is written.
    """

    analysis: Analysis
    tasks: tuple[str, ...]
    remarks: tuple[Remark, ...]


def read_analysis(content: Mapping[str, Any], guide: AnalysisGuide, turns: int) -> Answered:
    """Return what an object with the document's keys says.

    Args:
        content: The object.
        guide: Whose names count, in any case, with blanks, hyphens or underscores.
        turns: Of the call; evidence names them from 1.

    Raises:
        UnusableError: A value is of a wrong kind or out of bounds, or no task is known.
    """
    return _Reader(content, guide, turns).read()


class _Reader:
    """Reads one object, and collects which tasks are known."""

    def __init__(self, content: Mapping[str, Any], guide: AnalysisGuide, turns: int) -> None:
        self._content, self._guide, self._turns = content, guide, turns
        self._evidence = _object(content, "evidence")
        self._tasks: list[str] = []
        self._remarks: list[Remark] = []

    def read(self) -> Answered:
        """Return the whole."""
        guide, summary = self._guide, self._content.get("summary")
        slots = summary if isinstance(summary, dict) else {}
        faults = self._faults()
        analysis = Analysis(
            category=self._category(slots),
            journey=self._choice("journey", "journey_type", self._content, guide.journeys),
            action=self._choice("action", "action", slots, guide.actions),
            outcome=self._choice("outcome", "outcome", slots, guide.outcomes),
            faults=faults,
            scorecard=self._scorecard(),
            csat=self._rating("csat", "csat"),
            churn=self._rating("churn", "churn_risk"),
            quality=self._quality(faults),
        )
        if not self._tasks:
            raise UnusableError("it says nothing that the guide knows: see the keys in the docs")
        return Answered(analysis, tuple(self._tasks), tuple(self._remarks))

    def _category(self, slots: Mapping[str, Any]) -> Choice | None:
        task = load_label_set(self._guide.label_set).task(CATEGORY_TASK)
        key = "primary_category" if "primary_category" in self._content else "issue"
        place = self._content if key == "primary_category" else slots
        if key not in place:
            return None
        written = _text(key, place[key])
        name = None if written is None else task.label_of(written)
        return self._known("category", "primary_category", written, name)

    def _choice(
        self, task: str, key: str, place: Mapping[str, Any], entries: Sequence[Entry]
    ) -> Choice | None:
        if key not in place:
            return None
        written = _text(key, place[key])
        spellings = {
            _folded(text): each.name for each in entries for text in (each.name, each.text) if text
        }
        return self._known(task, key, written, spellings.get(_folded(written or "")))

    def _known(self, task: str, key: str, written: str | None, name: str | None) -> Choice | None:
        if written is not None and name is None:
            self._remarks.append(Remark(f"{key}: {UNKNOWN}", written))
            return None
        self._tasks.append(task)
        return None if name is None else Choice(name=name, turns=self._turns_of(key))

    def _faults(self) -> tuple[Choice, ...]:
        key = "coaching_recommendations"
        if self._content.get(key) is None:
            return ()
        written = self._content[key]
        if not isinstance(written, list):
            raise UnusableError(f"{key} is no list")
        spellings = {
            _folded(text): fault.name
            for fault in self._guide.faults
            for text in (fault.name, fault.recommendation)
        }
        found: dict[str, Choice] = {}
        unknown = []
        for each in written:
            values = each if isinstance(each, dict) else {"fault": each}
            text = next((values[name] for name in _FAULT_KEYS if values.get(name)), None)
            if not isinstance(text, str):
                raise UnusableError(f"{key}: {each!r} names no fault")
            name = spellings.get(_folded(text))
            if name is None:
                unknown.append(Remark(f"{key}: {UNKNOWN}", text))
            else:
                turns = self._numbers(key, values.get("turn"))
                found.setdefault(name, Choice(name=name, turns=turns))
        if unknown or len(found) > MAX_FAULTS:
            more = Remark(f"{key}: more than {MAX_FAULTS}", ", ".join(found))
            self._remarks += unknown or [more]
            return ()
        self._tasks.append("faults")
        return tuple(found[each.name] for each in self._guide.faults if each.name in found)

    def _scorecard(self) -> tuple[Judgement, ...]:
        nothing = (Judgement(answer=None),) * len(self._guide.scorecard)
        written = _object(self._content, "scorecard")
        if not written:
            return nothing
        answers = {_folded(key): value for key, value in written.items()}
        missing = [q.name for q in self._guide.scorecard if _folded(q.name) not in answers]
        if missing:
            self._remarks.append(Remark("scorecard: a question is missing", ", ".join(missing)))
            return nothing
        self._tasks.append("scorecard")
        return tuple(self._judged(q.name, answers[_folded(q.name)]) for q in self._guide.scorecard)

    def _judged(self, question: str, value: Any) -> Judgement:
        inner = value if isinstance(value, dict) else {"answer": value}
        answer = inner.get("answer")
        if answer is None:
            return Judgement(answer=None)
        said = _ANSWERS.get(str(answer).casefold())
        if said is None:
            raise UnusableError(f"scorecard: {question}: {answer!r} is neither yes nor no nor null")
        turns = self._numbers("scorecard", inner.get("turn"))
        return Judgement(answer=said, turns=turns if said == "yes" else ())

    def _rating(self, task: str, key: str) -> Rating | None:
        if key not in self._content:
            return None
        self._tasks.append(task)
        value = self._content[key]
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UnusableError(f"{key}: {value!r} is no number")
        if not 0 <= value <= MAX_SCORE:
            raise UnusableError(f"{key}: {value} is not from 0 to {MAX_SCORE}")
        score = STEP * int(value / STEP + 0.5)
        if score != value:
            self._remarks.append(Remark(f"{key}: rounded to steps of {STEP}", str(value)))
        return Rating(score=score, turns=self._turns_of(key))

    def _quality(self, faults: tuple[Choice, ...]) -> Rating | None:
        found = self._rating("quality", "quality_score")
        if found is None:
            return None
        said, holds = (
            self._content.get("effectiveness_rating"),
            self._guide.effectiveness(found.score),
        )
        if isinstance(said, str) and said.casefold() != holds:
            text = f"{found.score} is {holds}, not {said}"
            self._remarks.append(Remark("effectiveness_rating: by the guide's bands", text))
        return Rating(score=found.score, turns=turns_of(faults))

    def _turns_of(self, key: str) -> tuple[int, ...]:
        return self._numbers("evidence", self._evidence.get(key))

    def _numbers(self, where: str, value: Any) -> tuple[int, ...]:
        """Return indexes of turns from their numbers, which count from 1."""
        numbers = value if isinstance(value, list) else [] if value is None else [value]
        for number in numbers:
            if isinstance(number, bool) or not isinstance(number, int):
                raise UnusableError(f"{where}: {number!r} is no number of a turn")
            if not 1 <= number <= self._turns:
                raise UnusableError(f"{where}: turn {number}; the call has {self._turns}")
        return tuple(sorted({number - 1 for number in numbers}))


def _object(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UnusableError(f"{key} is no object")
    return value


def _text(key: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise UnusableError(f"{key}: {value!r} is no text")
    return value


def _folded(text: str) -> str:
    return _SEPARATORS.sub(" ", text).strip(" .").casefold()

"""The answer in codes, as small models write it: few tokens, and few that are a choice.

    {"i":"3c","j":"3f","a":"8d","o":"12a","f":"5b9h","s":"A1b-c-D9","c":"12@60","r":"9@70","q":"75"}

- ``i`` issue (main category), ``j`` journey, ``a`` action, ``o`` outcome: the number of the turn
  that shows it and the letter of the entry in the guide's list; ``+`` in place of the number
  where no turn is named; ``-`` alone where the call does not show it.
- ``f`` faults: number and letter of each, in the order of the turns; ``-`` where there is none.
- ``s`` scorecard: a capital letter and a number is a "yes", a small letter and ``-`` a "no"; a
  question that does not apply is left out.
- ``c`` satisfaction, ``r`` churn risk: a number, ``@``, a score. ``q`` quality: a score.

A small model finds the turn and then reads there what it shows; the other way round it would have
to know what it has not looked up yet (ADR 0057). Of the scorecard, the letter is what was asked.

All values are strings, no letter follows a letter, and no digit of a score follows one of a number.
With the tokenizer of SmolLM2 each letter and each digit is then a token of its own, and each
decision is one branching of the grammar. The example takes 60 tokens (81 with nested lists and
nulls); 120 generated calls took 59 in the mean and 68 at most, of which 28 and 38 were a choice.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from models.analytics.analysis import MAX_FAULTS, Analysis, Choice, Judgement, Rating
from models.analytics.answer_parts import (
    MAX_TURNS,
    AnswerError,
    TokenConfidences,
    check_score,
    names_of,
    number_of,
    turn_of,
    turns_of,
)
from models.analytics.guide import CODES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.analytics.guide import AnalysisGuide

FIELDS = ("i", "j", "a", "o", "f", "s", "c", "r", "q")
NOTHING = "-"
NO_TURN = "+"
_ANSWER = re.compile(
    r"\s*\{" + ",".join(rf'\s*"{key}"\s*:\s*"([^"]*)"\s*' for key in FIELDS) + r"\}\s*"
)
_TURN = "[1-9][0-9]{0,2}"
_FACT = re.compile(rf"(?:({_TURN})|\+)([a-z])")
_FACTS = re.compile(rf"(?:(?:{_TURN}|\+)[a-z])+")
_JUDGED = re.compile(rf"(?:([A-Z])(?:({_TURN})|\+)|([a-z])-)")
_ALL_JUDGED = re.compile(rf"(?:[A-Z](?:{_TURN}|\+)|[a-z]-)+")
_SCORE = re.compile("0|[1-9][0-9]{0,2}")
_RATED = re.compile(rf"(?:({_TURN})@|\+)({_SCORE.pattern})")


def encode_codes(analysis: Analysis, guide: AnalysisGuide, shown: Sequence[int]) -> str:
    """Return an analysis that `as_shown` has made, in codes."""

    def turn(turns: Sequence[int], suffix: str = "") -> str:
        number = number_of(turns, shown)
        return NO_TURN if number is None else f"{number}{suffix}"

    def fact(choice: Choice | None, names: Sequence[str]) -> str:
        if choice is None:
            return NOTHING
        return turn(choice.turns) + CODES[names.index(choice.name)]

    def rating(each: Rating | None) -> str:
        return NOTHING if each is None else f"{turn(each.turns, '@')}{each.score}"

    def place(fault: Choice) -> tuple[int, int]:
        number = number_of(fault.turns, shown)
        return MAX_TURNS + 1 if number is None else number, faults.index(fault.name)

    faults = names_of(guide.faults)
    ordered = sorted(analysis.faults, key=place)
    judged = [
        f"{code}-" if each.answer == "no" else code.upper() + turn(each.turns)
        for code, each in zip(CODES, analysis.scorecard, strict=False)
        if each.answer is not None
    ]
    values = (
        fact(analysis.category, guide.categories),
        fact(analysis.journey, names_of(guide.journeys)),
        fact(analysis.action, names_of(guide.actions)),
        fact(analysis.outcome, names_of(guide.outcomes)),
        "".join(fact(each, faults) for each in ordered) or NOTHING,
        "".join(judged) or NOTHING,
        rating(analysis.csat),
        rating(analysis.churn),
        NOTHING if analysis.quality is None else str(analysis.quality.score),
    )
    pairs = (f'"{key}":"{value}"' for key, value in zip(FIELDS, values, strict=True))
    return "{" + ",".join(pairs) + "}"


def decode_codes(
    text: str, guide: AnalysisGuide, shown: Sequence[int], confidences: TokenConfidences
) -> Analysis:
    """Return the analysis of an answer in codes.

    Raises:
        AnswerError: The text is not of this form, or names what the guide or the prompt lacks.
    """
    answer = _ANSWER.fullmatch(text)
    if answer is None:
        msg = f"the answer is not of the form of codes: {text[:200]!r}"
        raise AnswerError(msg)
    reader = _Reader(answer, shown, confidences)
    faults = reader.faults("f", names_of(guide.faults))
    return Analysis(
        category=reader.choice("i", guide.categories),
        journey=reader.choice("j", names_of(guide.journeys)),
        action=reader.choice("a", names_of(guide.actions)),
        outcome=reader.choice("o", names_of(guide.outcomes)),
        faults=faults,
        scorecard=reader.scorecard("s", len(guide.scorecard)),
        csat=reader.rating("c"),
        churn=reader.rating("r"),
        quality=reader.quality("q", turns_of(faults)),
    )


class _Reader:
    """Reads the values of one answer."""

    def __init__(
        self, answer: re.Match[str], shown: Sequence[int], confidences: TokenConfidences
    ) -> None:
        self._answer = answer
        self._shown = shown
        self._confidences = confidences

    def choice(self, key: str, names: Sequence[str]) -> Choice | None:
        """Return the entry of a list."""
        found = self._match(key, _FACT)
        return found and self._fact(key, found, names)

    def faults(self, key: str, names: Sequence[str]) -> tuple[Choice, ...]:
        """Return the faults in the order of the guide, each with the turn that is named first."""
        found = self._match(key, _FACTS)
        if found is None:
            return ()
        pairs = list(_FACT.finditer(found.string, *found.span()))
        if len(pairs) > MAX_FAULTS:
            raise self._wrong(key, f"more than {MAX_FAULTS} faults")
        faults: dict[str, Choice] = {}
        for each in pairs:
            fault = self._fact(key, each, names, with_turn=True)
            faults.setdefault(fault.name, fault)
        return tuple(faults[name] for name in names if name in faults)

    def scorecard(self, key: str, questions: int) -> tuple[Judgement, ...]:
        """Return an answer for each question."""
        found = self._match(key, _ALL_JUDGED)
        judged = [] if found is None else list(_JUDGED.finditer(found.string, *found.span()))
        self._check_order(key, [(each[1] or each[3]).lower() for each in judged])
        answers = [Judgement(answer=None)] * questions
        for each in judged:
            index = self._index(key, (each[1] or each[3]).lower(), questions)
            answers[index] = Judgement(
                answer="yes" if each[1] else "no",
                turns=turn_of(each[2], self._shown),
                confidence=self._confidences.of(each.start(), each.start() + 1),
            )
        return tuple(answers)

    def rating(self, key: str) -> Rating | None:
        """Return a score and the turn that shows it; one is as sure as both."""
        found = self._match(key, _RATED)
        if found is None:
            return None
        return Rating(
            score=check_score(int(found[2])),
            turns=turn_of(found[1], self._shown),
            confidence=self._confidences.of(*found.span()),
        )

    def quality(self, key: str, turns: tuple[int, ...]) -> Rating | None:
        """Return a score whose turns are those of the faults.

        It follows from faults and scorecard, so that it is no surer than all of them together.
        """
        found = self._match(key, _SCORE)
        if found is None:
            return None
        parts = [self._whole("f"), self._whole("s"), self._confidences.of(*found.span())]
        confidence = math.prod(parts) if min(parts) >= 0 else -1.0
        return Rating(score=check_score(int(found[0])), turns=turns, confidence=confidence)

    def _fact(
        self, key: str, found: re.Match[str], names: Sequence[str], *, with_turn: bool = False
    ) -> Choice:
        """Return an entry of a list; ``with_turn``, it is as sure as that the turn shows any."""
        return Choice(
            name=names[self._index(key, found[2], len(names))],
            turns=turn_of(found[1], self._shown),
            confidence=self._confidences.of(*found.span(0 if with_turn else 2)),
        )

    def _whole(self, key: str) -> float:
        """Return the confidence of all of a value, and that nothing comes behind it."""
        begin, end = self._answer.span(1 + FIELDS.index(key))
        return self._confidences.of(begin, end + 1)

    def _match(self, key: str, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Return the value of a key as the pattern takes it apart; None for nothing."""
        span = self._answer.span(1 + FIELDS.index(key))
        if self._answer.string[slice(*span)] == NOTHING:
            return None
        found = pattern.fullmatch(self._answer.string, *span)
        if found is None:
            raise self._wrong(key, "not of the form")
        return found

    def _index(self, key: str, code: str, entries: int) -> int:
        index = CODES.index(code)
        if index >= entries:
            raise self._wrong(key, f"the guide has {entries} entries")
        return index

    def _check_order(self, key: str, codes: Sequence[str]) -> None:
        if list(codes) != sorted(set(codes)):
            raise self._wrong(key, "the order is that of the guide, each once")

    def _wrong(self, key: str, why: str) -> AnswerError:
        value = self._answer[1 + FIELDS.index(key)]
        return AnswerError(f"the answer's {key} is {value[:80]!r}: {why}")

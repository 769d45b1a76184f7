"""The turns of a call while it is written, with the facts that each of them shows."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, NamedTuple

from training.text.phrasings import filled, with_capitals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.base import Party

_APART = " // "  # between what the two say in turn
_DAYTIME = re.compile(r"\b([Gg]ood) (?:morning|afternoon|evening)\b")
_DIGIT = re.compile(r"\d")
_PUNCTUATION = re.compile(r"[^\w\s']")
_TOKENS_A_TURN = 4  # its number and speaker
_TOKENS_A_WORD = 1.15


class Planted(NamedTuple):
    """A part of a turn.

    Attributes:
        turn: Its index.
        text: As it is said.
        phrasing: As it is written; empty where it is of a dialogue.
        marks: The facts that it shows.
    """

    turn: int
    text: str
    phrasing: str
    marks: frozenset[str]


class WrittenTurn(NamedTuple):
    """A turn with the facts that it shows."""

    party: Party
    text: str
    marks: frozenset[str]


class Stage:
    """Collects what is said; what one party says twice in a row is one turn."""

    def __init__(self, slots: dict[str, str], draw: random.Random) -> None:
        self.draw = draw
        self.slots = slots
        self.planted: list[Planted] = []
        self._turns: list[WrittenTurn] = []
        self._owed_marks: frozenset[str] = frozenset()

    @property
    def turns(self) -> tuple[WrittenTurn, ...]:
        """What was said so far."""
        return tuple(self._turns)

    @property
    def last_party(self) -> Party | None:
        """Who spoke last."""
        return self._turns[-1].party if self._turns else None

    def chance(self, share: float) -> bool:
        """Whether something that has this share takes place."""
        return self.draw.random() < share

    def say(self, party: Party, phrasings: Sequence[str], *marks: str) -> None:
        """Add one of the phrasings."""
        self.write(party, self.draw.choice(phrasings), *marks)

    def write(self, party: Party, phrasing: str, *marks: str) -> None:
        """Add a phrasing with its gaps filled."""
        text = with_capitals(filled(phrasing, self.slots, self.draw))
        text = _DAYTIME.sub(lambda match: f"{match[1]} {self.slots['daytime']}", text)
        self.add(party, text, *marks, phrasing=phrasing)

    def add(self, party: Party, text: str, *marks: str, phrasing: str = "") -> None:
        """Add a text as it is."""
        shows = frozenset(marks) | self._owed_marks
        self._owed_marks = frozenset()
        if self.last_party == party:
            before = self._turns[-1]
            joined = WrittenTurn(party, f"{before.text} {text}", before.marks | shows)
            self._turns[-1] = joined
        else:
            self._turns.append(WrittenTurn(party, text, shows))
        self.planted.append(Planted(len(self._turns) - 1, text, phrasing, shows))

    def mark_next(self, *marks: str) -> None:
        """Let whatever is said next show these facts too."""
        self._owed_marks = frozenset(marks)

    def exchange(self, exchanges: Sequence[str], first: Party, *marks: str) -> None:
        """Add one of the exchanges; its first part has the marks."""
        self.write_exchange(self.draw.choice(exchanges), first, *marks)

    def write_exchange(self, exchange: str, first: Party, *marks: str) -> None:
        """Add what the two say in turn; the first part has the marks."""
        second: Party = "customer" if first == "agent" else "agent"
        for index, part in enumerate(exchange.split(_APART)):
            self.write(second if index % 2 else first, part, *(() if index else marks))


def estimated_tokens(turns: Sequence[WrittenTurn]) -> float:
    """Return about how many tokens of SmolLM2 the turns of a prompt have.

    Its tokenizer splits numbers into figures.
    """
    texts = [turn.text for turn in turns]
    return sum(
        _TOKENS_A_TURN
        + _TOKENS_A_WORD * len(text.split())
        + len(_DIGIT.findall(text))
        + len(_PUNCTUATION.findall(text))
        for text in texts
    )

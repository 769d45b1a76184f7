"""Writing of grammars in the Lark dialect of LLGuidance, with the longest text that they allow.

Source: https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence


class Piece(NamedTuple):
    """A part of a grammar.

    Attributes:
        lark: As it stands in a rule.
        longest: Bytes of the longest text that it allows.
    """

    lark: str
    longest: int


class Grammar:
    """The rules of a grammar that is being written."""

    def __init__(self) -> None:
        self._rules: list[str] = []

    def rule(self, name: str, *alternatives: Piece) -> Piece:
        """Return a new rule that allows one of several."""
        self._rules.append(f"{name}: " + " | ".join(each.lark for each in alternatives))
        return Piece(name, max(each.longest for each in alternatives))

    def pattern(self, name: str, regex: str, longest: int) -> Piece:
        """Return the rule that allows what a regular expression does."""
        rule = f"{name.upper()}: /{regex}/"
        if rule not in self._rules:
            self._rules.append(rule)
        return Piece(name.upper(), longest)

    def ordered(
        self, name: str, items: Sequence[Piece], *, most: int, separator: str = ""
    ) -> Piece:
        """Return a rule that allows 1 to ``most`` of the items, in their order, each once."""
        counted = most < len(items)
        following: list[Piece | None] = [None] * (most + 1)
        for place in range(len(items) - 1, -1, -1):
            rules: list[Piece | None] = [None]
            for left in range(1, most + 1) if counted else (1,):
                more = following[left - 1 if counted else left]
                later = following[left]
                alternatives = [items[place]]
                if more is not None:
                    between = (text(separator),) if separator else ()
                    alternatives.append(sequence(items[place], *between, more))
                if later is not None:
                    alternatives.append(later)
                rules.append(self.rule(f"{name}_{left}_{place}", *alternatives))
            following = rules
        first = following[-1]
        assert first is not None
        return first

    def write(self, start: Piece) -> str:
        """Return the grammar as LLGuidance takes it."""
        return "\n".join(("%llguidance {}", f"start: {start.lark}", *self._rules)) + "\n"


def text(literal: str) -> Piece:
    """Return what allows one text alone."""
    return Piece(msgspec.json.encode(literal).decode(), len(literal.encode()))


def sequence(*pieces: Piece) -> Piece:
    """Return what allows one piece after the other."""
    return Piece(" ".join(each.lark for each in pieces), sum(each.longest for each in pieces))


def numbers(last: int) -> str:
    """Return a regular expression of the numbers from 1 to ``last``, without leading zeros."""
    digits = str(last)
    options = [f"[1-9][0-9]{{{length - 1}}}" for length in range(1, len(digits))]
    for place, digit in enumerate(digits):
        least = 0 if place else 1
        if int(digit) > least:
            rest = len(digits) - place - 1
            options.append(f"{digits[:place]}[{least}-{int(digit) - 1}][0-9]{{{rest}}}")
    return "|".join((*options, digits)).replace("[0-9]{0}", "").replace("{1}", "")

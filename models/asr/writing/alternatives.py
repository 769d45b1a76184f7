"""Numbers that share a scale or a unit: "three or four hundred dollars" is no "three or $400"."""

from collections.abc import Iterator
from itertools import pairwise

from models.asr.writing.phrase import Match, Phrase
from models.asr.writing.written_numbers import MIN_DIGITS, number_end
from models.text.number_words import SCALES, digit_string

_DASH = ""  # a word of marks alone
_JOINS = frozenset(
    {_DASH, "or", "to", "and", "till", "until", "through", "maybe", "perhaps", "but", "nor", "than"}
)
_FILLS = frozenset({"even", "about", "around", "like", "possibly", "not", "rather", "more"})
_MOST_BETWEEN = 3  # words between two of them
_UNITS = frozenset("dollar dollars euro euros percent % o'clock pm a.m p.m cent cents".split())

Run = tuple[int, int]  # first atom of a number, and the one behind it


class Alternatives:
    """The rule that leaves such numbers as they were said.

    Args:
        phrase: Whose numbers it knows.
    """

    def __init__(self, phrase: Phrase) -> None:
        self._ends: dict[int, int] = {}
        chain: list[Run] = []
        for run in _runs(phrase):
            if not (chain and _is_joined(phrase, chain[-1], run)):
                self._leave(phrase, chain)
                chain = []
            chain.append(run)
        self._leave(phrase, chain)

    def __call__(self, phrase: Phrase, index: int) -> Match | None:
        """Return the number from ``index`` on as it is, None where it does not share anything."""
        end = self._ends.get(index, 0)
        return Match(end - index, None) if phrase.is_open(index, end) and end else None

    def _leave(self, phrase: Phrase, chain: list[Run]) -> None:
        if any(_shares(phrase, first, then) for first, then in pairwise(chain)):
            self._ends.update(chain)


def _runs(phrase: Phrase) -> Iterator[Run]:
    index = 0
    while index < len(phrase.atoms):
        has_article = phrase.text(index) in {"a", "an"} and phrase.following(index) in SCALES
        end = number_end(phrase, index + has_article)
        if end > index + has_article:
            yield index, end
        index = max(end, index + 1)


def _is_joined(phrase: Phrase, first: Run, then: Run) -> bool:
    """Return whether two numbers of one sentence stand beside each other, the first no code."""
    digits = digit_string(phrase.texts(*first))
    between = phrase.texts(first[1], then[0])
    marks = [n for n in range(first[1] - 1, then[0]) if phrase.atoms[n].is_closed]
    if digits and len(digits) >= MIN_DIGITS:
        return False
    if len(between) > _MOST_BETWEEN or not all(phrase.goes_on(n) for n in marks):
        return False
    is_list = bool(marks) and not between
    return is_list or (set(between) <= _JOINS | _FILLS and not _JOINS.isdisjoint(between))


def _shares(phrase: Phrase, first: Run, then: Run) -> bool:
    """Return whether the scale or the unit of the second number may be that of the first too."""
    scales, other_scales = (set(phrase.texts(*run)) & SCALES.keys() for run in (first, then))
    return scales < other_scales or (_has_unit(phrase, then) and not _has_unit(phrase, first))


def _has_unit(phrase: Phrase, run: Run) -> bool:
    unit = phrase.following(run[1] - 1)
    then = phrase.following(run[1]) if unit else ""
    return unit in _UNITS or (unit in {"a", "p"} and then == "m") or (unit, then) == ("per", "cent")

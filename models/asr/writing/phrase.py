"""Words as the rules of `normalisation` read them: atoms, phrases, matches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from models.asr.core.hypothesis import PUNCTUATION, Word, bare_text
from models.text.number_words import NUMBER_WORDS, ordinal_cardinal


@dataclass(frozen=True, slots=True)
class Atom:
    """A word, or one part of a hyphenated number.

    Attributes:
        text: Compared by: no case, no punctuation at the edges.
        word: Index of the word that it belongs to.
        is_closed: Punctuation after it ends the phrase.
    """

    text: str
    word: int
    is_closed: bool


class Match(NamedTuple):
    """How many atoms are taken, and what they are written as; None leaves them as they are."""

    atoms: int
    text: str | None


Rule = Callable[["Phrase", int], Match | None]


class Phrase:
    """The atoms of some words, and what the rules ask about them."""

    def __init__(self, words: Sequence[Word]) -> None:
        self._words = words
        self.atoms = [atom for n, word in enumerate(words) for atom in _atoms(n, word)]

    def match(self, rules: Sequence[Rule], index: int) -> Match:
        """Return what the first rule that applies makes of the atoms from ``index`` on."""
        for rule in rules:
            match = rule(self, index)
            if match is not None and self._is_whole(index, index + match.atoms):
                return match
        return Match(self.parts(index), None)

    def text(self, index: int) -> str:
        """Return an atom's text; nothing beyond the edges."""
        return self.atoms[index].text if 0 <= index < len(self.atoms) else ""

    def following(self, index: int) -> str:
        """Return the text of the next atom of the same phrase; nothing at its end."""
        return "" if self.atoms[index].is_closed else self.text(index + 1)

    def preceding(self, index: int) -> str:
        """Return the text of the atom before in the same phrase; nothing at its start."""
        return "" if not index or self.atoms[index - 1].is_closed else self.text(index - 1)

    def goes_on(self, index: int) -> bool:
        """Return whether the word of an atom ends in a comma or a dash."""
        return self._words[self.atoms[index].word].text.endswith((",", "-"))

    def parts(self, index: int) -> int:
        """Return how many atoms the word of an atom has from there on; 0 beyond the end."""
        if index >= len(self.atoms):
            return 0
        word = self.atoms[index].word
        return sum(atom.word == word for atom in self.atoms[index:])

    def texts(self, first: int, end: int) -> list[str]:
        """Return the texts of [first, end)."""
        return [atom.text for atom in self.atoms[first:end]]

    def is_open(self, first: int, end: int) -> bool:
        """Return whether [first, end) exists and no punctuation stands inside."""
        inside = self.atoms[first : end - 1]
        return end <= len(self.atoms) and not any(atom.is_closed for atom in inside)

    def _is_whole(self, first: int, end: int) -> bool:
        starts = first == 0 or self.atoms[first - 1].word != self.atoms[first].word
        ends = end == len(self.atoms) or self.atoms[end].word != self.atoms[end - 1].word
        return starts and ends and self.is_open(first, end)


def _atoms(index: int, word: Word) -> list[Atom]:
    bare = bare_text(word)
    is_closed = word.text[-1:] in PUNCTUATION and bare not in {"a.m", "p.m"}
    parts = bare.split("-")
    if len(parts) == 1 or not all(is_number(part) for part in parts):
        return [Atom(bare, index, is_closed)]
    *inner, last = parts
    return [*(Atom(part, index, is_closed=False) for part in inner), Atom(last, index, is_closed)]


def is_number(text: str) -> bool:
    """Return whether a word is part of a spoken number."""
    return text in NUMBER_WORDS or ordinal_cardinal(text) is not None


def is_figure(text: str) -> bool:
    """Return whether a word is part of a number, spoken or written."""
    return any(character.isdigit() for character in text) or is_number(text)

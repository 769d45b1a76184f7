"""A text in sentences, wherever they begin and end."""

import re
from collections.abc import Iterator
from typing import NamedTuple

LONGEST_WORDS = 40  # of a piece: a recognizer may write no full stops at all
# The end of a line, or a full stop with what closes a quotation behind it and a blank after it
_END = re.compile(r"\n+|(?<=[.!?…])[\"'\u201d\u2019)\]]*(?=\s)")
_WORD = re.compile(r"\S+")


class Sentence(NamedTuple):
    """A piece of a text.

    Attributes:
        text: Without blanks around it.
        start: Index of its first character in the whole text.
    """

    text: str
    start: int

    @property
    def end(self) -> int:
        """Index behind its last character."""
        return self.start + len(self.text)


def sentences(text: str) -> tuple[Sentence, ...]:
    """Return the sentences of a text in order; a long one in pieces of `LONGEST_WORDS` words.

    Every word of the text is in one of them. An abbreviation with a full stop ends one as well.
    """
    begin, found = 0, list[Sentence]()
    for end in (*(match.end() for match in _END.finditer(text)), len(text)):
        found += _pieces(text, begin, end)
        begin = end
    return tuple(found)


def _pieces(text: str, begin: int, end: int) -> Iterator[Sentence]:
    words = list(_WORD.finditer(text, begin, end))
    for first in range(0, len(words), LONGEST_WORDS):
        piece = words[first : first + LONGEST_WORDS]
        start = piece[0].start()
        yield Sentence(text[start : piece[-1].end()], start)

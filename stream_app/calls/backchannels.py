"""Return whether a text consists of acknowledgements only."""

import re
from collections.abc import Sequence

LONGEST_WORDS = 12  # a longer text takes the turn, whatever it says

_NO_WORD = re.compile(r"[^\w']+")


class BackchannelWords:
    """The phrases with which a listener shows attention.

    Args:
        phrases: One or more words each, in any spelling of case and punctuation.
    """

    def __init__(self, phrases: Sequence[str]) -> None:
        self._phrases = {tuple(_words(phrase)) for phrase in phrases}
        self._lengths = sorted({len(phrase) for phrase in self._phrases if phrase})

    def cover(self, text: str) -> bool:
        """Return whether ``text`` has words and consists of the phrases alone."""
        words = _words(text)
        if not 0 < len(words) <= LONGEST_WORDS:
            return False
        reachable = {0}
        for start in range(len(words)):
            if start in reachable:
                reachable |= {
                    start + length
                    for length in self._lengths
                    if tuple(words[start : start + length]) in self._phrases
                }
        return len(words) in reachable


def _words(text: str) -> list[str]:
    return _NO_WORD.sub(" ", text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")).split()

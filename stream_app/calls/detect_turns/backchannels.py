"""Texts that consist of acknowledgements only."""

from collections.abc import Sequence

from models.text.spoken_form import spoken_words

LONGEST_WORDS = 12  # a longer text always takes the turn


class BackchannelWords:
    """The phrases with which a listener shows attention.

    Args:
        phrases: One or more words each, in any spelling of case and punctuation.
    """

    def __init__(self, phrases: Sequence[str]) -> None:
        self._phrases = {tuple(spoken_words(phrase)) for phrase in phrases}
        self._lengths = sorted({len(phrase) for phrase in self._phrases if phrase})

    def cover(self, text: str) -> bool:
        """Return whether ``text`` has words and consists of the phrases alone."""
        words = spoken_words(text)
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

"""Recognized words matched with the true words of a recording, by text and time."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from benchmarks.core.reference import TrueWord
from models.asr.core.hypothesis import Word
from models.text.spoken_form import spoken_form, spoken_parts

WORD_TOLERANCE_MS = 700


def match_words(
    heard: Iterable[Word], true_words: Sequence[TrueWord], taken: set[int]
) -> list[int]:
    """Return which true words were heard right: the same spoken form at about the same time.

    A written word of several spoken ones, as "555-1234", stands for each of them.

    Args:
        heard: With times on the clock of the true words.
        true_words: In order.
        taken: True words that are spoken for already.
    """
    found: list[int] = []
    starts = [word.start_ms for word in true_words]
    for text, start_ms in _spoken(tuple(heard)):
        first = bisect_right(starts, start_ms - WORD_TOLERANCE_MS - 1)
        last = bisect_right(starts, start_ms + WORD_TOLERANCE_MS)
        fitting = [
            number
            for number in range(first, last)
            if number not in taken
            and number not in found
            and spoken_form(true_words[number].text) == text
        ]
        if fitting:
            found.append(min(fitting, key=lambda n: abs(starts[n] - start_ms)))
    return found


def _spoken(heard: Sequence[Word]) -> Iterator[tuple[str, int]]:
    """Yield the spoken words with their starts, those of one written word spread over its time."""
    parts = spoken_parts([word.text for word in heard])
    for index, group in groupby(parts, key=itemgetter(1)):
        word, texts = heard[index], [text for text, _ in group]
        for number, text in enumerate(texts):
            yield text, word.start_ms + (word.end_ms - word.start_ms) * number // len(texts)

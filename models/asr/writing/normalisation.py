"""Words as spoken to words as written: numbers, amounts, times, spellings, addresses in English.

Conservative: what a reader could take in two ways stays as it was said. Each rule looks at the
words from one index on and says how many of them it joins, and into what.
"""

from collections.abc import Sequence
from typing import Literal

from models.asr.core.hypothesis import PUNCTUATION, Word
from models.asr.writing.alternatives import Alternatives
from models.asr.writing.phrase import Phrase, Rule
from models.asr.writing.spelled_out import mail_address, spelled_letters, web_address
from models.asr.writing.written_numbers import number, number_after_article

WordStyle = Literal["spoken", "normalised"]

_SPELLED: tuple[Rule, ...] = (mail_address, web_address, spelled_letters)
_NUMBERS: tuple[Rule, ...] = (number_after_article, number)


def normalise(words: Sequence[Word]) -> tuple[Word, ...]:
    """Return the words as they are written; a word that joins some spans their times.

    Its confidence is the least of theirs.

    Args:
        words: In order, as a recognizer wrote them.
    """
    phrase = Phrase(words)
    rules: tuple[Rule, ...] = (*_SPELLED, Alternatives(phrase), *_NUMBERS)
    written: list[Word] = []
    index = 0
    while index < len(phrase.atoms):
        match = phrase.match(rules, index)
        first, last = phrase.atoms[index].word, phrase.atoms[index + match.atoms - 1].word
        group = words[first : last + 1]
        written.extend(group if match.text is None else [_joined(group, match.text)])
        index += match.atoms
    return tuple(written)


def _joined(group: Sequence[Word], text: str) -> Word:
    first, last = group[0].text, group[-1].text
    before = first[: len(first) - len(first.lstrip(PUNCTUATION))]
    after = last[len(last.rstrip(PUNCTUATION)) :]
    if last.casefold().endswith(("a.m.", "p.m.")):  # that full stop is the abbreviation's
        after = ""
    return Word(
        text=before + text + after,
        start_ms=group[0].start_ms,
        end_ms=max(word.end_ms for word in group),
        confidence=min(word.confidence for word in group),
    )

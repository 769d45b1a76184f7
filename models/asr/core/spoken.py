"""What of a text is spoken, in any script."""

import unicodedata
from collections.abc import Iterable

from models.asr.core.tokens import UNSPACED_LANGUAGES
from schemas.transcripts import Word

SIGNS = frozenset("&@#%+=°§±÷№©®™\u2030\u00d7")  # "and", "per cent", "degrees" ..
CHARACTERS_PER_WORD = 3  # of languages without spaces: an estimate that lets fast speech pass


def is_spoken(text: str) -> bool:
    """Return whether a text has anything to say beside punctuation, music marks and pictures.

    Letters and vowel signs of any script, digits, currencies and signs such as "&" are spoken.
    """
    return any(
        unicodedata.category(each)[0] in "LMN"
        or unicodedata.category(each) == "Sc"
        or each in SIGNS
        for each in text
    )


def is_letter(character: str) -> bool:
    """Return whether a character is a letter, or a sign on one: vowels of many scripts are."""
    return unicodedata.category(character)[0] in "LM"


def word_count(words: Iterable[Word], language: str) -> float:
    """Return how many words were said; those of languages without spaces are parts of words."""
    if language not in UNSPACED_LANGUAGES:
        return float(sum(1 for _ in words))
    return sum(map(_bases, words)) / CHARACTERS_PER_WORD


def _bases(word: Word) -> int:
    """Return the letters and digits of a word, without the signs on them."""
    return sum(map(str.isalnum, word.text))

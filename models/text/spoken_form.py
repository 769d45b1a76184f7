"""The words of a text as they are said: the one form in which text is judged, compared and counted.

A recognizer may write "my number is five five five" or "My number is 555-": both have the same
spoken form. The end-of-turn model reads it in training and serving, the rules of dictation
and backchannels work on it, words are counted in it, and `models.text.scored_words` compares by it.
"""

import re
import unicodedata
from collections.abc import Sequence

from models.text.figures import part_fractions
from models.text.spoken_numbers import speak_numbers

ABBREVIATIONS = {
    "mr": "mister",
    "mrs": "missus",
    "dr": "doctor",
    "vs": "versus",
    "ok": "okay",
    "etc": "et cetera",
}

_APOSTROPHES = dict.fromkeys(
    map(ord, "\u2018\u2019\u201b\u2032\u02bc\u055a\uff07\u0060\u00b4"), "'"
)
_OUTSIDE_WORDS = re.compile(r"(?<![^\W_])'|'(?![^\W_])")
_ENCLOSING = "Me"  # the ring around a keycap emoji
_VARIATION_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))


_FORMAT = "Cf"  # soft hyphens, joiners, marks of direction: a reader does not see them
# Thai, Lao, Burmese and Khmer part words by it alone, where they part them at all
_UNSPACED = "[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff]"
_INVISIBLE_SPACE = re.compile(rf"(?<={_UNSPACED})\u200b+|\u200b+(?={_UNSPACED})")


class _WrittenCharacters(dict[int, str]):
    """A table for `str.translate`: apostrophes are straight, what nobody sees is left out."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = kept = "" if unicodedata.category(character) == _FORMAT else character
        return kept


class _SpokenCharacters(dict[int, str]):
    """A table for `str.translate`: what belongs to words stays, all else becomes a space."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = kept = character if _belongs_to_words(character) else " "
        return kept


def _belongs_to_words(character: str) -> bool:
    if character == "'" or character.isalnum():
        return True
    category = unicodedata.category(character)
    is_mark = category.startswith("M") and category != _ENCLOSING
    return is_mark and not any(ord(character) in codes for codes in _VARIATION_SELECTORS)


_WRITTEN = _WrittenCharacters(_APOSTROPHES)
_SPOKEN = _SpokenCharacters()


def spoken_form(text: str) -> str:
    """Return the words of a text as a recognizer without punctuation and figures would write them.

    NFKC, lower case, straight apostrophes, no soft hyphens or joiners; English figures, addresses
    and a few abbreviations as words; everything but letters with their marks, digits of other
    scripts and apostrophes inside words becomes a space. ``"Okay, it's 10 GB!"`` gives
    ``"okay it's ten gb"``.

    Args:
        text: Anything, lone surrogates included.

    Returns:
        Words parted by single spaces; empty if there are none. Its own spoken form.
    """
    return " ".join(spoken_words(text))


def spoken_words(text: str) -> list[str]:
    """Return the words of `spoken_form`."""
    said = speak_numbers(_plain(text).split())
    return _bare_words(" ".join(word for spoken in said for word in spoken))


def spoken_parts(words: Sequence[str]) -> list[tuple[str, int]]:
    """Return the spoken words of written ones, each with the index of its written word."""
    said = speak_numbers([_plain(word) for word in words])
    return [
        (part, index) for index, spoken in enumerate(said) for part in _bare_words(" ".join(spoken))
    ]


def _plain(text: str) -> str:
    if not text.isascii():
        text = _INVISIBLE_SPACE.sub(" ", text)
    text = text.translate(_WRITTEN)
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", part_fractions(text))
    return unicodedata.normalize("NFKC", text.lower()).translate(_APOSTROPHES)


def _bare_words(text: str) -> list[str]:
    words = _OUTSIDE_WORDS.sub(" ", text.lower().translate(_SPOKEN)).split()
    full = (ABBREVIATIONS.get(word, word) for word in map(_from_first_letter, words))
    return " ".join(filter(None, full)).split()


def _from_first_letter(word: str) -> str:
    """Return a word without marks that follow no letter."""
    for index, character in enumerate(word):
        if character.isalnum():
            return word[index:]
    return ""

"""The form of text that the end-of-turn models read, in training and in the live path alike."""

import re
import unicodedata

_APOSTROPHES = dict.fromkeys(map(ord, "\u2018\u2019\u201b\u02bc\uff07\u0060\u00b4"), "'")
_OUTSIDE_WORDS = re.compile(r"(?<![^\W_])'|'(?![^\W_])")
_ENCLOSING = "Me"  # the ring around a keycap emoji
_VARIATION_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))


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


_SPOKEN = _SpokenCharacters()


def spoken_form(text: str) -> str:
    """Return the words of a text as a recognizer without punctuation would write them.

    NFKC, lower case, straight apostrophes; everything but letters with their marks, digits and
    apostrophes inside words becomes a space. ``"Okay, it's 10 GB!"`` gives ``"okay it's 10 gb"``.

    Args:
        text: Anything, lone surrogates included.

    Returns:
        Words parted by single spaces; empty if there are none. Its own spoken form.
    """
    text = text.translate(_APOSTROPHES)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = unicodedata.normalize("NFKC", text.lower()).translate(_APOSTROPHES)
    words = _OUTSIDE_WORDS.sub(" ", text.lower().translate(_SPOKEN)).split()
    return " ".join(filter(None, map(_from_first_letter, words)))


def _from_first_letter(word: str) -> str:
    """Return a word without marks that follow no letter."""
    for place, character in enumerate(word):
        if character.isalnum():
            return word[place:]
    return ""

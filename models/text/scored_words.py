"""Words in the form in which a transcript is compared with what was said.

On top of the spoken form, what is written in more than one way for the same speech is brought to
one: numbers become their digits, one word each, however they were read or written; the last digit
of an ordinal ends in ``th``; spelled letters are joined; contractions are expanded; accents,
hesitations and a transcriber's remarks are left out. The other differences, British and American
spelling among them, count as errors. Most of it is what openai-whisper's ``EnglishTextNormalizer``
does.
"""

import re
import unicodedata
from collections.abc import Sequence

from models.text.figures import part_fractions
from models.text.number_words import (
    DIGITS,
    NUMBER_WORDS,
    REPEATS,
    SCALES,
    ZERO_LETTERS,
    cardinal_value,
    ordinal_cardinal,
)
from models.text.spoken_form import spoken_words

_REMARK = re.compile(r"[<\[][^>\]]*[>\]]|\S*~")  # <unk>, [unintelligible], wou~
HESITATIONS = frozenset("uh uhm um er erm hm hmm mm mmm mhm mhmm".split())

_HOSTS = frozenset("it that what he she there here who where how when".split())  # of "'s" for "is"
_ENDINGS = {"n't": "not", "'m": "am", "'re": "are", "'ve": "have", "'ll": "will"}
_WORDS = {
    "can't": "can not",
    "won't": "will not",
    "ain't": "are not",
    "let's": "let us",
    "cannot": "can not",
    "gonna": "going to",
    "wanna": "want to",
    "gotta": "got to",
    "cause": "because",
    "cuz": "because",
    "alright": "all right",
}
_LONGEST_NUMBER = 12  # words
_SAID_SCALES = ("billion", "million")
_ZERO = "0"


def scored_words(text: str) -> list[str]:
    """Return the words of a text in the form of the module."""
    plain = unicodedata.normalize("NFKD", part_fractions(_REMARK.sub(" ", text)))
    plain = "".join(symbol for symbol in plain if not unicodedata.combining(symbol))
    words = [part for word in spoken_words(plain) for part in _expanded(word)]
    words = _joined_letters(_with_digits(_with_percent(_without_hesitations(words))))
    return _without_hesitations(words)  # joined letters may look like one: "E.R." and "er"


def _without_hesitations(words: Sequence[str]) -> list[str]:
    return [word for word in words if word not in HESITATIONS]


def _expanded(word: str) -> list[str]:
    if word in _WORDS:
        return _WORDS[word].split()
    host, mark, ending = word.rpartition("'")
    if mark and ending == "s" and host in _HOSTS:
        return [host, "is"]
    for short, full in _ENDINGS.items():
        if word.endswith(short) and word != short:
            return [word.removesuffix(short), full]
    return [word]


def _with_percent(words: Sequence[str]) -> list[str]:
    return " ".join(words).replace("per cent", "percent").split()


def _with_digits(words: Sequence[str]) -> list[str]:
    """Return the words with the digits of each number in its place."""
    kept: list[str] = []
    index = 0
    while index < len(words):
        digits, length = _number_at(words, index)
        kept += digits or [words[index]]
        index += length
    return kept


def _number_at(words: Sequence[str], index: int) -> tuple[list[str], int]:
    """Return what stands for the word or number at an index, and how many words that takes in.

    Millions and billions stay words, since most of their digits are not said.
    """
    word, following = words[index], words[index + 1 : index + 2]
    if word in REPEATS and following and following[0] in DIGITS:
        return [DIGITS[following[0]]] * REPEATS[word], 2
    if word in ZERO_LETTERS:
        before = words[index - 1 : index] if index else []
        is_zero = any(beside in NUMBER_WORDS - ZERO_LETTERS for beside in (*before, *following))
        return [_ZERO if is_zero else word], 1
    is_article = word in {"a", "an"} and bool(following) and following[0] in SCALES
    for end in range(min(index + _LONGEST_NUMBER, len(words)), index, -1):
        number = ["one", *words[index + 1 : end]] if is_article else list(words[index:end])
        value = cardinal_value(number)
        cardinal = ordinal_cardinal(number[-1])
        if cardinal and (ordinal := cardinal_value([*number[:-1], cardinal])) is not None:
            return [*str(ordinal)[:-1], f"{ordinal % 10}th"], end - index
        is_cut = words[end : end + 1] and words[end] in SCALES  # "five hundred five | hundred"
        if value is not None and not is_cut and (end > index + 1 or not is_article):
            return _digit_words(value), end - index
    return [word], 1


def _digit_words(value: int) -> list[str]:
    for name in _SAID_SCALES:
        if value and value % SCALES[name] == 0:
            return [*str(value // SCALES[name]), name]
    return [*str(value)]


def _joined_letters(words: Sequence[str]) -> list[str]:
    """Return the words, letters in a row as one: "a t m" is "atm", "9 a m i" is "9 am i"."""
    joined: list[str] = []
    is_open = False
    for word in words:
        is_letter = len(word) == 1 and word.isascii() and word.isalpha()
        if is_letter and is_open:
            joined[-1] += word
        else:
            joined.append(word)
        is_half_day = joined[-1] in {"am", "pm"} and joined[-2:-1] and joined[-2].isdigit()
        is_open = is_letter and not is_half_day
    return joined

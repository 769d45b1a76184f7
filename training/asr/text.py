"""From written text to the words that are said."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import msgspec

from training.asr.numerals import (
    MAX_CARDINAL,
    spell_cardinal,
    spell_digits,
    spell_money,
    spell_ordinal,
    spell_time,
    spell_year,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_CARDINAL = 5  # longer runs of digits are read out one by one
_YEARS = range(1900, 2040)
_SYMBOLS = {"&": " and ", "%": " percent ", "@": " at ", "+": " plus ", "\u2019": "'", "`": "'"}
_ABBREVIATIONS = {
    "mr": "mister",
    "mrs": "missus",
    "dr": "doctor",
    "vs": "versus",
    "am": "a m",
    "pm": "p m",
    "ok": "okay",
    "etc": "et cetera",
    "u": "you",
    "pls": "please",
    "plz": "please",
    "thx": "thanks",
}
_ALWAYS_ABBREVIATIONS = frozenset(_ABBREVIATIONS) - {"am"}
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*'?$")
_MONEY = re.compile(r"[$£€]\s?(\d[\d,]*)(?:\.(\d\d))?(?!\d)")
_TIME = re.compile(r"\b(\d{1,2}):(\d\d)(?::\d\d)?\b")
_HALF_DAY = re.compile(r"(?<=\d)\s*([ap])\.?\s?m\b\.?")
_ORDINAL = re.compile(r"\b(\d{1,4})(?:st|nd|rd|th)\b")
_DECIMAL = re.compile(r"\b(\d+)\.(\d+)\b")
_NUMBER = re.compile(r"\d+")
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+")


class Sentence(msgspec.Struct, frozen=True):
    """Words as they are transcribed and, token by token, as the synthesiser is to read them."""

    words: tuple[str, ...]
    spoken: tuple[str, ...]

    @property
    def spoken_text(self) -> str:
        """Return the synthesiser's input, one space between the words."""
        return " ".join(self.spoken)


def split_sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a turn."""
    for sentence in _SENTENCE_END.split(text.replace("\n", " ")):
        if sentence.strip():
            yield sentence.strip()


def parse_sentence(text: str) -> Sentence | None:
    """Return the words of ``text``, numbers spelled out; None if something cannot be said."""
    words: list[str] = []
    spoken: list[str] = []
    for token in _spell_numbers(_fold(text)).split():
        core = token.strip(',.?!;:"()-')
        if not core.strip("'"):
            continue
        core = core.lstrip("'")
        mark = token[-1] if token[-1] in ",.?!;:" else ""
        for part in _ABBREVIATIONS[core].split() if core in _ALWAYS_ABBREVIATIONS else [core]:
            if not _WORD.match(part):
                return None
            words.append(part.rstrip("'"))
            spoken.append(part)
        spoken[-1] += {"!": ".", ";": ",", ":": ","}.get(mark, mark)
    return Sentence(tuple(words), tuple(spoken)) if words else None


def normalise_words(text: str) -> tuple[str, ...]:
    """Return the transcript words of ``text``, dropping what cannot be said."""
    words: list[str] = []
    for token in text.split():
        sentence = parse_sentence(token)
        words.extend(sentence.words if sentence else ())
    return tuple(words)


def _fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.replace("\u2019", "'"))
    plain = "".join(symbol for symbol in decomposed if not unicodedata.combining(symbol))
    for symbol, words in _SYMBOLS.items():
        plain = plain.replace(symbol, words)
    plain = re.sub(r"(?<=[a-zA-Z])[-/](?=[a-zA-Z])", " ", plain.replace("—", ", "))
    return re.sub(r"(\d),(?=\d{3}\b)", r"\1", plain.lower())


def _joined(words: list[str]) -> str:
    return f" {' '.join(words)} "


def _spell_numbers(text: str) -> str:
    text = _MONEY.sub(
        lambda m: (
            _joined(spell_money(int(m[1].replace(",", "")), int(m[2] or 0)))
            if len(m[1]) <= len("999999999")
            else m[0]
        ),
        text,
    )
    text = _HALF_DAY.sub(r" \1 m", text)
    text = re.sub(r":00(?= [ap] m)", "", text)
    text = _TIME.sub(lambda m: _joined(spell_time(int(m[1]), int(m[2]))), text)
    text = _ORDINAL.sub(lambda m: _joined(spell_ordinal(int(m[1]))), text)
    text = _DECIMAL.sub(
        lambda m: _joined([*_spell_integer(m[1]), "point", *spell_digits(m[2])]), text
    )
    return _NUMBER.sub(lambda m: _joined(_spell_integer(m[0])), text)


def _spell_integer(digits: str) -> list[str]:
    number = int(digits)
    if len(digits) > _LONGEST_CARDINAL or (digits[0] == "0" and len(digits) > 1):
        return spell_digits(digits)
    if number in _YEARS:
        return spell_year(number)
    return spell_cardinal(min(number, MAX_CARDINAL))

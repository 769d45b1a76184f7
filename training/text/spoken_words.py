"""Sentences as a synthesiser reads them, with their words as a transcript has them."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import msgspec

from models.text.figures import spell_figures
from models.text.spoken_form import ABBREVIATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

_SYMBOLS = {"&": " and ", "%": " percent ", "@": " at ", "+": " plus ", "\u2019": "'", "`": "'"}
_ABBREVIATIONS = ABBREVIATIONS | {
    "pm": "p m",
    "u": "you",
    "pls": "please",
    "plz": "please",
    "thx": "thanks",
}
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*'?$")
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+")


class Sentence(msgspec.Struct, frozen=True):
    """A sentence to be spoken.

    Attributes:
        words: As they are transcribed.
        spoken: As the synthesiser is to read them, token by token.
        text: As somebody wrote it; empty where it was generated as words.
    """

    words: tuple[str, ...]
    spoken: tuple[str, ...]
    text: str = ""

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
    for token in spell_figures(_fold(text)).split():
        core = token.strip(',.?!;:"()-')
        if not core.strip("'"):
            continue
        core = core.lstrip("'")
        mark = token[-1] if token[-1] in ",.?!;:" else ""
        for part in _ABBREVIATIONS.get(core, core).split():
            if not _WORD.match(part):
                return None
            words.append(part.rstrip("'"))
            spoken.append(part)
        spoken[-1] += {"!": ".", ";": ",", ":": ","}.get(mark, mark)
    return Sentence(tuple(words), tuple(spoken), text) if words else None


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
    return plain.lower()

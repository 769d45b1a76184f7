"""The result of a decode: words with times relative to the first sample decoded."""

import zlib

import msgspec

from schemas.transcripts import Word

__all__ = ["Hypothesis", "Word", "bare_text", "compression_ratio", "kept_text"]

PUNCTUATION = ".,;:!?\"'()[]{}¿¡…。，、！？-"  # noqa: RUF001  full-width marks are meant


class Hypothesis(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one decode.

    Attributes:
        text: As the model wrote it, stripped.
        words: Their order is that of the text; times in ms since the first sample.
        duration_ms: Of the audio decoded.
        avg_log_probability: Mean over the tokens, end of text included; 0 if nothing was decoded.
        no_speech_probability: Of Whisper's no-speech token; 0 for weights that have none.
        compression_ratio: Of the text by zlib; loops compress well.
        language: Code of the language decoded as.
        tokens: As the model wrote them, end of text excluded; a later decode's draft.
        is_cut_short: The model would have gone on: its budget of tokens was used up.
    """

    text: str = ""
    words: tuple[Word, ...] = ()
    duration_ms: int = 0
    avg_log_probability: float = 0.0
    no_speech_probability: float = 0.0
    compression_ratio: float = 0.0
    language: str = "en"
    tokens: tuple[int, ...] = ()
    is_cut_short: bool = False


def compression_ratio(text: str) -> float:
    """Return how much smaller zlib makes the text; 0 for no text.

    Source: openai-whisper ``utils.py``.
    """
    encoded = text.encode()
    return len(encoded) / len(zlib.compress(encoded))


def bare_text(word: Word) -> str:
    """Return what two words are compared by: no case, no punctuation at the edges."""
    return word.text.casefold().strip(PUNCTUATION)


def kept_text(text: str, words: tuple[Word, ...]) -> str:
    """Return the parts of ``text`` that spell these words, spaced as they were.

    Args:
        text: Of the hypothesis that the words come from.
        words: Some of its words, in order.
    """
    pieces: list[str] = []
    cursor = 0
    for word in words:
        start = text.find(word.text, cursor)
        if start < 0:
            return " ".join(word.text for word in words)
        spaced = text[start - 1 : start].isspace()
        cursor = start + len(word.text)
        pieces.append(" " + word.text if spaced and pieces else word.text)
    return "".join(pieces)

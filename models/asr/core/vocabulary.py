"""Whisper's vocabulary, and the table of tokens that follows from it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from models.asr.core.tokens import TokenTable

MULTILINGUAL_VOCABULARY = 51_865  # openai-whisper takes as many tokens or more for multilingual
END_OF_TEXT, START = "endoftext", "startoftranscript"
NO_TIMESTAMPS = "notimestamps"
NO_SPEECH = ("nospeech", "nocaptions")  # the second in older folders of Hugging Face
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_NOT_SPOKEN = (
    *'"#()*+/:;<=>@[\\]^_`{|}~「」『』',
    *"<< >> <<< >>> -- --- -( -[ (' (\" (( )) ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪".split(),
)
_MUSIC = "♩♪♫♬♭♮♯"  # of several tokens; the first one stands for nothing else


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Every token that a Whisper was trained with.

    Attributes:
        pieces: Bytes of every token; empty for those that spell nothing.
        special: Number of each token with a meaning of its own, by its name without brackets.
    """

    pieces: tuple[bytes, ...]
    special: Mapping[str, int]

    @property
    def is_multilingual(self) -> bool:
        """Return whether the language is one of the tokens that begin a transcript."""
        return len(self.pieces) >= MULTILINGUAL_VOCABULARY

    def languages(self) -> dict[str, int]:
        """Return the token of each language; none for English-only weights."""
        if not self.is_multilingual:
            return {}
        return {name: n for name, n in self.special.items() if _LANGUAGE.fullmatch(name)}


def table_of(vocabulary: Vocabulary, token_ids: Sequence[int]) -> TokenTable:
    """Return the table of a vocabulary, cut to the tokens in use.

    Writing rules are those of ``whisper.decode`` without timestamps.

    Args:
        vocabulary: Whole.
        token_ids: The output layer's tokens, ascending.
    """
    index = {token: number for number, token in enumerate(token_ids)}
    special = vocabulary.special
    end_of_text, no_timestamps = special[END_OF_TEXT], special[NO_TIMESTAMPS]
    no_speech = next((special[name] for name in NO_SPEECH if name in special), -1)
    languages = vocabulary.languages()
    spelling = _spelling_table(vocabulary)
    forbidden = (
        *_non_speech_tokens(spelling),
        *(special[name] for name in ("transcribe", "translate", START) if name in special),
        *(special[name] for name in ("startofprev", "startoflm") if name in special),
        no_speech,
        *range(no_timestamps, len(vocabulary.pieces)),
    )
    return TokenTable(
        pieces=tuple(vocabulary.pieces[token] for token in token_ids),
        end_of_text=index[end_of_text],
        start=index[special[START]],
        start_of_previous=index.get(special.get("startofprev", -1), -1),
        no_speech=index.get(no_speech, -1),
        no_timestamps=index[no_timestamps],
        transcribe=index.get(special["transcribe"], -1) if languages else -1,
        languages={code: index[token] for code, token in languages.items() if token in index},
        suppressed=_indexes(index, forbidden),
        suppressed_first=_indexes(index, (*spelling.encode(" "), end_of_text)),
    )


def _spelling_table(vocabulary: Vocabulary) -> TokenTable:
    """Return a table that spells text with the whole vocabulary."""
    special = vocabulary.special
    return TokenTable(
        pieces=vocabulary.pieces,
        end_of_text=special[END_OF_TEXT],
        start=special[START],
        start_of_previous=-1,
        no_speech=-1,
        no_timestamps=special[NO_TIMESTAMPS],
    )


def _non_speech_tokens(table: TokenTable) -> list[int]:
    """Return the tokens of speaker names and of sounds, which are not spoken.

    Source: openai-whisper ``tokenizer.py``, ``non_speech_tokens``.
    """
    begins_no_word = (table.encode(" -")[0], table.encode(" '")[0])
    symbols = (table.encode(text) for symbol in _NOT_SPOKEN for text in (symbol, f" {symbol}"))
    music = (table.encode(text)[0] for note in _MUSIC for text in (note, f" {note}"))
    return [*begins_no_word, *(tokens[0] for tokens in symbols if len(tokens) == 1), *music]


def _indexes(index: Mapping[int, int], tokens: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted({index[token] for token in tokens if token in index}))

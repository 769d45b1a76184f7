"""Transcripts as tokens: what the decoder reads and what it is to write."""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import torch
from whisper.normalizers import BasicTextNormalizer, EnglishTextNormalizer
from whisper.tokenizer import Tokenizer, get_tokenizer

from models.asr.hugging_face import MULTILINGUAL_VOCABULARY
from models.asr.tokens import UNSPACED_LANGUAGES
from schemas.errors import ConfigurationError
from training.asr.text import parse_sentence
from training.asr.vocabulary import english_tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from training.asr.finetuning.base import BaseWeights
    from training.asr.finetuning.clips import Clip

_OTHER_TOKENS = 51_766  # of a multilingual vocabulary, those that name no language
_OFFICIAL_SIZES = (51_864, 51_865, 51_866)


class TokenRow(NamedTuple):
    """One clip's decoder input and, position by position, its next token."""

    tokens: list[int]
    targets: list[int]


class Speller:
    """Writes transcripts in the tokens of a checkpoint.

    Weights with a part of the vocabulary write words in lower case, numbers spelled out.

    Args:
        base: The checkpoint.

    Raises:
        ConfigurationError: Its vocabulary is none of openai-whisper's.
    """

    def __init__(self, base: BaseWeights) -> None:
        self._tokens = base.tokens
        self._is_cut = base.is_cut
        self._max_tokens = base.dims["n_text_ctx"]
        self._tokenizer = openai_tokenizer(base.dims["n_vocab"])

    @property
    def end(self) -> int:
        """Return the token that ends a transcript."""
        return self._tokens.end_of_text

    def opening(self, language: str) -> list[int]:
        """Return the tokens before a transcript.

        Raises:
            ConfigurationError: The checkpoint does not know the language.
        """
        known = self._tokens.languages or {"en": 0}
        if language not in known:
            raise ConfigurationError(
                f"the weights have no language {language!r}, only {', '.join(sorted(known))}"
            )
        return list(self._tokens.opening(language))

    def row(self, clip: Clip) -> TokenRow | None:
        """Return a clip's tokens; none where the weights have no way to write its text.

        Where nobody speaks, the decoder is to say so at once and to stop.

        Raises:
            ConfigurationError: The transcript is longer than the decoder takes.
        """
        text = self._spell(clip.text.strip(), clip.language)
        if text is None:
            return None
        opening = self.opening(clip.language)
        targets = [*opening[1:], *text, self.end]
        if not text and self._tokens.no_speech >= 0:
            targets[0] = self._tokens.no_speech
        if len(targets) > self._max_tokens:
            raise ConfigurationError(
                f"{clip.place}: the text takes {len(targets)} tokens, the decoder "
                f"{self._max_tokens} at most: cut the clip with start_ms and end_ms"
            )
        return TokenRow([*opening, *text], targets)

    def text(self, tokens: Sequence[int]) -> str:
        """Return what tokens spell."""
        return self._tokens.text(tokens).strip()

    def banned(self) -> Tensor:
        """Return minus infinity for what is never written, else 0, shape (tokens,)."""
        banned = torch.zeros(len(self._tokens.pieces))
        silent = [number for number, piece in enumerate(self._tokens.pieces) if not piece]
        banned[[*silent, *self._tokens.suppressed]] = -torch.inf
        banned[self.end] = 0.0
        return banned

    def _spell(self, text: str, language: str) -> list[int] | None:
        if not text:
            return []
        if not self._is_cut:
            lead = "" if language in UNSPACED_LANGUAGES else " "
            return list(self._tokenizer.encode(lead + text))
        sentence = parse_sentence(text)
        if sentence is None:
            return None
        written = "".join(f" {word}" for word in sentence.words)
        tokens = list(self._tokens.encode(written))
        return tokens if self._tokens.text(tokens) == written else None


def openai_tokenizer(vocabulary_size: int) -> Tokenizer:
    """Return openai-whisper's tokenizer of so many tokens.

    Raises:
        ConfigurationError: It has none.
    """
    if vocabulary_size not in _OFFICIAL_SIZES:
        raise ConfigurationError(
            f"a vocabulary of {vocabulary_size} tokens is none of openai-whisper's: only its own "
            f"({', '.join(map(str, _OFFICIAL_SIZES))}) can be fine-tuned"
        )
    if vocabulary_size < MULTILINGUAL_VOCABULARY:
        return english_tokenizer()
    return _multilingual(vocabulary_size - _OTHER_TOKENS)


def normalised(text: str, language: str) -> str:
    """Return a text as word error rates compare it: openai-whisper's normalisation."""
    return str(_normaliser(language)(text))


@cache
def _multilingual(languages: int) -> Tokenizer:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its token file open
        return get_tokenizer(multilingual=True, num_languages=languages)


@cache
def _normaliser(language: str) -> BasicTextNormalizer | EnglishTextNormalizer:
    if language == "en":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # it leaves its spellings open
            return EnglishTextNormalizer()
    return BasicTextNormalizer(split_letters=language in UNSPACED_LANGUAGES)

"""Transcripts as tokens: the decoder's input and the tokens that it is to write."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from whisper.normalizers import BasicTextNormalizer

from models.asr.core.tokens import UNSPACED_LANGUAGES
from models.text.scored_words import scored_words
from schemas.errors import ConfigurationError
from training.asr.whisper.tokenizers import openai_tokenizer
from training.text.spoken_words import parse_sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from training.asr.finetuning.base import BaseWeights
    from training.asr.finetuning.clips import Clip


class TokenRow(NamedTuple):
    """One clip's decoder input and, position by position, its next token."""

    tokens: list[int]
    targets: list[int]


class Speller:
    """Writes transcripts in the tokens of a checkpoint.

    Weights whose vocabulary lacks bytes write words in lower case, numbers spelled out.

    Args:
        base: The checkpoint.

    Raises:
        ConfigurationError: openai-whisper has no such vocabulary.
    """

    def __init__(self, base: BaseWeights) -> None:
        self._tokens = base.tokens
        self._is_cut = base.is_cut
        self._spells_everything = base.tokens.spells_everything
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
        """Return a clip's tokens; None where the vocabulary cannot write its text.

        Where nobody speaks, the first target is the token of no speech, the second the end.

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
                f"{clip.location}: the text takes {len(targets)} tokens, the decoder "
                f"{self._max_tokens} at most: cut the clip with start_ms and end_ms"
            )
        return TokenRow([*opening, *text], targets)

    def text(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens."""
        return self._tokens.text(tokens).strip()

    def banned(self) -> Tensor:
        """Return minus infinity for tokens that are never written, else 0, shape (tokens,)."""
        banned = torch.zeros(len(self._tokens.pieces))
        silent = [number for number, piece in enumerate(self._tokens.pieces) if not piece]
        banned[[*silent, *self._tokens.suppressed]] = -torch.inf
        banned[self.end] = 0.0
        return banned

    def _spell(self, text: str, language: str) -> list[int] | None:
        if not text:
            return []
        lead = "" if language in UNSPACED_LANGUAGES else " "
        if not self._is_cut:
            return list(self._tokenizer.encode(lead + text))
        if self._spells_everything:
            return list(self._tokens.encode(lead + text))
        sentence = parse_sentence(text)
        if sentence is None:
            return None
        written = "".join(f" {word}" for word in sentence.words)
        tokens = list(self._tokens.encode(written))
        return tokens if self._tokens.text(tokens) == written else None


def normalised(text: str, language: str) -> str:
    """Return a text as word error rates compare it; openai-whisper's form, but for English."""
    if language == "en":
        return " ".join(scored_words(text))
    return str(BasicTextNormalizer(split_letters=language in UNSPACED_LANGUAGES)(text))

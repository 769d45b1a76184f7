"""The tokenizers of openai-whisper."""

from __future__ import annotations

import warnings
from functools import cache

from whisper.tokenizer import Tokenizer, get_tokenizer

from models.asr.core.vocabulary import MULTILINGUAL_VOCABULARY
from schemas.errors import ConfigurationError

ENGLISH_VOCABULARY = 51_864  # tokens of an English-only Whisper
_OTHER_TOKENS = 51_766  # of a multilingual vocabulary, those that name no language
_OFFICIAL_SIZES = (ENGLISH_VOCABULARY, 51_865, 51_866)


def english_tokenizer() -> Tokenizer:
    """Return openai-whisper's English-only tokenizer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its token file open
        return get_tokenizer(multilingual=False)


def openai_tokenizer(vocabulary_size: int) -> Tokenizer:
    """Return openai-whisper's tokenizer of a vocabulary of this size.

    Raises:
        ConfigurationError: openai-whisper has no such vocabulary.
    """
    if vocabulary_size not in _OFFICIAL_SIZES:
        raise ConfigurationError(
            f"openai-whisper has no vocabulary of {vocabulary_size} tokens: only its own "
            f"({', '.join(map(str, _OFFICIAL_SIZES))}) can be fine-tuned"
        )
    if vocabulary_size < MULTILINGUAL_VOCABULARY:
        return english_tokenizer()
    return _multilingual(vocabulary_size - _OTHER_TOKENS)


@cache
def _multilingual(languages: int) -> Tokenizer:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its token file open
        return get_tokenizer(multilingual=True, num_languages=languages)

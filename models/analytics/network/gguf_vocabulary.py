"""The vocabulary of a model as its GGUF file tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from models.analytics.network.vocabulary import VocabularyFacts
from models.store.gguf_file import read_field
from schemas.errors import ConfigurationError, ModelIntegrityError

if TYPE_CHECKING:
    import gguf

_SPECIAL, _OWN = 3, 4  # kinds of tokens: of templates, and added to the vocabulary
# How texts are cut before pairs are merged; llama.cpp's names
_CUTS: dict[str, list[Any]] = {
    "gpt-2": [pre_tokenizers.ByteLevel(add_prefix_space=False)],
    "smollm": [
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    ],
}


def read_vocabulary(reader: gguf.GGUFReader) -> tuple[Tokenizer, VocabularyFacts]:
    """Return the tokenizer of a model and what else belongs to its vocabulary.

    Raises:
        ConfigurationError: Texts are cut in a way that is not known here.
        ModelIntegrityError: The file does not tell its tokens.
    """
    kind, cut = _field(reader, "model"), _field(reader, "pre")
    if kind != "gpt2" or cut not in _CUTS:
        msg = f"the back-end onnx does not know the tokenizer {kind} {cut}"
        raise ConfigurationError(f"{msg}: choose the back-end llama")
    texts: list[str] = _field(reader, "tokens")
    merges = [tuple(each.split(" ", 1)) for each in _field(reader, "merges")]
    numbers = {text: number for number, text in enumerate(texts)}
    tokenizer = Tokenizer(models.BPE(vocab=numbers, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(_CUTS[cut])
    tokenizer.decoder = decoders.ByteLevel()
    kinds: list[int] = _field(reader, "token_type")
    tokenizer.add_tokens(
        [
            AddedToken(text, special=kind == _SPECIAL, normalized=False)
            for text, kind in zip(texts, kinds, strict=True)
            if kind in {_SPECIAL, _OWN}
        ]
    )
    begin = read_field(reader, "tokenizer.ggml.bos_token_id")
    template = read_field(reader, "tokenizer.chat_template")
    facts = VocabularyFacts(
        size=len(texts),
        begin=begin if isinstance(begin, int) else None,
        end=_field(reader, "eos_token_id"),
        adds_begin=bool(read_field(reader, "tokenizer.ggml.add_bos_token")),
        template=template if isinstance(template, str) else "",
    )
    return tokenizer, facts


def _field(reader: gguf.GGUFReader, name: str) -> Any:
    value = read_field(reader, f"tokenizer.ggml.{name}")
    if value is None:
        raise ModelIntegrityError(f"the model's file does not tell its {name}")
    return value

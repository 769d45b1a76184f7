"""A Hugging Face folder of Whisper: weights, configuration, tokenizer, what ``generate`` reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tokenizers import AddedToken
from transformers import (
    GenerationConfig,
    WhisperFeatureExtractor,
    WhisperProcessor,
    WhisperTokenizer,
)

from training.asr.whisper.tokenizers import openai_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from whisper.tokenizer import Tokenizer

    from training.asr.finetuning.base import BaseWeights

_PRINTABLE = (
    *range(33, 127),
    *range(161, 173),
    *range(174, 256),
)  # stand for themselves
GENERATION_NAME = "generation_config.json"
_TOKENIZER_NAMES = ("tokenizer.json", "vocab.json")


def write_processor(base: BaseWeights, folder: Path) -> None:
    """Write tokenizer and feature extractor: the base's own, else openai-whisper's vocabulary."""
    extractor = WhisperFeatureExtractor(  # type: ignore[no-untyped-call]
        feature_size=base.dims["n_mels"]
    )
    if base.folder and any((base.folder / name).is_file() for name in _TOKENIZER_NAMES):
        tokenizer = WhisperTokenizer.from_pretrained(base.folder, local_files_only=True)
    else:
        tokenizer = build_tokenizer(openai_tokenizer(base.dims["n_vocab"]))
    processor = WhisperProcessor(extractor, tokenizer)  # type: ignore[no-untyped-call]
    processor.save_pretrained(folder)


def generation_config(base: BaseWeights) -> GenerationConfig:
    """Return the settings of ``generate``: those of the vocabulary below the base's own."""
    tokenizer = openai_tokenizer(base.dims["n_vocab"])
    settings: dict[str, Any] = {
        "bos_token_id": 50_257,
        "eos_token_id": tokenizer.eot,
        "pad_token_id": tokenizer.eot,
        "decoder_start_token_id": tokenizer.sot,
        "max_length": base.dims["n_text_ctx"],
        "is_multilingual": base.is_multilingual,
        "no_timestamps_token_id": tokenizer.no_timestamps,
        "prev_sot_token_id": tokenizer.sot_prev,
        "suppress_tokens": _suppressed(tokenizer),
        "begin_suppress_tokens": [*tokenizer.encode(" "), tokenizer.eot],
        "return_timestamps": False,
        "alignment_heads": [list(head) for head in base.checkpoint.alignment_heads],
    }
    if base.is_multilingual:
        settings["lang_to_id"] = {
            f"<|{code}|>": token
            for code, token in zip(
                tokenizer.all_language_codes, tokenizer.all_language_tokens, strict=True
            )
        }
        settings["task_to_id"] = {
            "transcribe": tokenizer.transcribe,
            "translate": tokenizer.translate,
        }
    own = base.folder / GENERATION_NAME if base.folder else None
    if own and own.is_file():
        known = json.loads(own.read_bytes())
        if not known.get("_from_model_config"):  # else they were made up on saving
            settings |= {name: value for name, value in known.items() if value is not None}
    return GenerationConfig(**settings)  # type: ignore[no-untyped-call]


def build_tokenizer(source: Tokenizer) -> WhisperTokenizer:
    """Return Hugging Face's tokenizer of an openai-whisper vocabulary.

    openai-whisper keeps the tokens in the order in which they were merged; the merges that
    Hugging Face wants follow from it.
    """
    ranks: dict[bytes, int] = source.encoding._mergeable_ranks  # noqa: SLF001
    letters = _byte_letters()
    vocabulary = {_spelled(token, letters): rank for token, rank in ranks.items()}
    merges = [
        tuple(_spelled(part, letters) for part in _last_merge(token, ranks))
        for token in sorted(ranks, key=ranks.__getitem__)
        if len(token) > 1
    ]
    tokenizer = WhisperTokenizer(vocab=vocabulary, merges=merges)
    added: dict[str, int] = source.encoding._special_tokens  # noqa: SLF001
    names = sorted(added, key=added.__getitem__)
    special = [name for name in names if added[name] < source.timestamp_begin]
    timestamps = [name for name in names if added[name] >= source.timestamp_begin]
    tokenizer.add_special_tokens({"extra_special_tokens": special})
    tokenizer.add_tokens([AddedToken(name, normalized=False) for name in timestamps])
    tokenizer.set_prefix_tokens()
    return tokenizer


def _suppressed(tokenizer: Tokenizer) -> list[int]:
    never = (
        tokenizer.transcribe,
        tokenizer.translate,
        tokenizer.sot,
        tokenizer.sot_prev,
        tokenizer.sot_lm,
        tokenizer.no_speech,
    )
    return sorted({*tokenizer.non_speech_tokens, *never})


def _byte_letters() -> list[str]:
    """Return the letter that stands for every byte, as GPT-2's vocabulary writes them."""
    letters = [chr(byte) if byte in _PRINTABLE else "" for byte in range(256)]
    spare = 256
    for byte, letter in enumerate(letters):
        if not letter:
            letters[byte] = chr(spare)
            spare += 1
    return letters


def _spelled(token: bytes, letters: list[str]) -> str:
    return "".join(letters[byte] for byte in token)


def _last_merge(token: bytes, ranks: dict[bytes, int]) -> tuple[bytes, bytes]:
    """Return the two parts that were merged into a token: earlier merges come first."""
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:  # noqa: PLR2004
        candidates = [
            (ranks.get(parts[i] + parts[i + 1], len(ranks)), i) for i in range(len(parts) - 1)
        ]
        _, index = min(candidates)
        parts[index : index + 2] = [parts[index] + parts[index + 1]]
    return parts[0], parts[1]

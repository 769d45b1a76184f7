"""A vocabulary cut to the word pieces that the training texts use."""

from __future__ import annotations

import json
import string
from collections import Counter
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from training.core.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transformers import PreTrainedTokenizerBase

_CHARACTERS = string.ascii_lowercase + string.ascii_uppercase + string.digits + string.punctuation
_TEXTS_AT_ONCE = 4096


def frequent_pieces(
    tokenizer: PreTrainedTokenizerBase, texts: Iterable[str], size: int
) -> list[int]:
    """Return ``size`` ids in ascending order: all that must stay, then the most frequent.

    Special tokens and single ASCII characters stay, so that any English text can be tokenised.
    Texts that use fewer pieces decide nothing about the rest: that comes from the base's own
    order, which is roughly one of frequency, so that a few lines never shrink a vocabulary. All
    pieces stay of a base that has no more than ``size``.

    Raises:
        RecipeError: The tokenizer has no word pieces, or ``size`` is too small.
    """
    pieces = _word_pieces(tokenizer)
    prefix = json.loads(_backend(tokenizer).to_str())["model"]["continuing_subword_prefix"]
    kept = set(tokenizer.all_special_ids)
    kept |= {pieces[p + c] for c in _CHARACTERS for p in ("", prefix) if p + c in pieces}
    if len(kept) > size:
        message = f"base.vocabulary must be {len(kept)} or more: special tokens and characters"
        raise RecipeError(message)
    counts = _counts(_backend(tokenizer), texts)
    ranked = sorted(pieces.values(), key=lambda piece: (-counts[piece], piece))
    more = [piece for piece in ranked if piece not in kept]
    return sorted(kept | {*more[: size - len(kept)]})


def keep_pieces(tokenizer: PreTrainedTokenizerBase, kept: list[int]) -> PreTrainedTokenizerBase:
    """Return a tokenizer of these pieces alone; the n-th of them gets the id n."""
    content = json.loads(_backend(tokenizer).to_str())
    new_ids = {old: new for new, old in enumerate(kept)}
    vocabulary = content["model"]["vocab"]
    content["model"]["vocab"] = {
        piece: new_ids[old] for piece, old in vocabulary.items() if old in new_ids
    }
    content["padding"] = content["truncation"] = None
    for token in content["added_tokens"]:
        token["id"] = new_ids[token["id"]]
    _renumber(content["post_processor"], new_ids)
    special = {
        name: tokenizer.special_tokens_map[name]
        for name in ("unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
        if name in tokenizer.special_tokens_map
    }
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=Tokenizer.from_str(json.dumps(content)),
        model_max_length=tokenizer.model_max_length,
        truncation_side="left",
        **special,
    )


def _renumber(processor: dict[str, Any], new_ids: dict[int, int]) -> None:
    for token in processor.get("special_tokens", {}).values():
        token["ids"] = [new_ids[old] for old in token["ids"]]
    for name in ("sep", "cls"):
        if isinstance(processor.get(name), list):
            text, old = processor[name]
            processor[name] = [text, new_ids[old]]


def _counts(backend: Tokenizer, texts: Iterable[str]) -> Counter[int]:
    counts: Counter[int] = Counter()
    waiting: list[str] = []
    backend.no_truncation()
    backend.no_padding()

    def count() -> None:
        for encoding in backend.encode_batch_fast(waiting, add_special_tokens=False):
            counts.update(encoding.ids)
        waiting.clear()

    for text in texts:
        waiting.append(text)
        if len(waiting) == _TEXTS_AT_ONCE:
            count()
    count()
    return counts


def _backend(tokenizer: PreTrainedTokenizerBase) -> Tokenizer:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise RecipeError("base.vocabulary needs a base with a tokenizer.json; set it to 0")
    return backend  # type: ignore[no-any-return]


def _word_pieces(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    if json.loads(_backend(tokenizer).to_str())["model"]["type"] != "WordPiece":
        raise RecipeError("base.vocabulary needs a base with word pieces; set it to 0")
    return tokenizer.get_vocab()

"""The tokenizer of the small base, where it was fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import AutoTokenizer

from models.fetching.cache import default_models_folder, is_cached
from models.fetching.catalogue import CATALOGUE
from training.analytics.forms.tokens import BASE, ESTIMATED, TokenCounter

if TYPE_CHECKING:
    from pathlib import Path


def token_counter(folder: Path | None = None) -> TokenCounter:
    """Return a counter by the tokenizer of SmolLM2, or an estimate where it was not fetched.

    Args:
        folder: Of fetched models; by default the user's.
    """
    models, base = folder or default_models_folder(), CATALOGUE[BASE]
    if not is_cached(base, models):
        return ESTIMATED
    tokenizer = AutoTokenizer.from_pretrained(models / BASE, gguf_file=base.files[0].name)
    return TokenCounter(
        f"the tokenizer of {BASE}",
        lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"]),
    )

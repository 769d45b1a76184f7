"""The vocabulary of a tokenizer of transformers, as grammars see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.extras.llguidance_hf import hf

if TYPE_CHECKING:
    from models.analytics.backends.protocol import Request


class HuggingFaceVocabulary:
    """The vocabulary of a tokenizer of transformers.

    Args:
        tokenizer: Fast tokenizer of transformers.
        size: Number of logits.
        ends: Ids of the tokens that end an answer; those of the tokenizer where empty.
    """

    def __init__(self, tokenizer: Any, size: int, ends: tuple[int, ...] = ()) -> None:
        self.size = size
        self.tokens = hf.from_tokenizer(tokenizer, size, list(ends) or None)
        self._hf: Any = tokenizer

    def prompt_ids(self, request: Request) -> list[int]:
        """Return the tokens of a prompt, template included."""
        prompt = request.prompt
        if request.form != "chat":
            return list(self._hf(prompt.text)["input_ids"])
        text = self._hf.apply_chat_template(
            prompt.messages, tokenize=False, add_generation_prompt=True
        )
        return list(self._hf(text, add_special_tokens=False)["input_ids"])

    def count(self, text: str) -> int:
        """Return the number of tokens of a text."""
        return len(self._hf(text, add_special_tokens=False)["input_ids"])

"""What a back-end is asked, and what it answers: a failure is an answer as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from models.analytics.prompts import Prompt, PromptForm
from schemas.failed import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt.

    Attributes:
        prompt: What the model reads.
        grammar: Lark, as llguidance takes it; the answer is a text of it.
        max_tokens: Of the answer; the longest text of the grammar has fewer.
        form: ``chat`` goes through the chat template of the model, ``document`` is read as it is.
        schema: JSON Schema of the answer, for servers that take no grammar; None without.
        temperature: 0 takes the likeliest token each time.
        seed: Of the tokens that are drawn at a temperature.
    """

    prompt: Prompt
    grammar: str
    max_tokens: int
    form: PromptForm = "chat"
    schema: dict[str, Any] | None = None
    temperature: float = 0.0
    seed: int = 0


class Generated(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, which is a text of the request's grammar.

    Attributes:
        text: Of the answer.
        tokens: Text of each token and its confidence (see `grammar.AnswerGrammar.confidences`);
            empty where the back-end tells no probabilities.
        prompt_tokens: Number of tokens of the prompt, template included.
        cached_tokens: How many of them were read for an earlier prompt.
        answer_tokens: Number of tokens that were sampled.
        prompt_s: Time for the prompt; -1 where unknown.
        answer_s: Time for the answer; with the prompt's where that is unknown.
    """

    text: str
    tokens: tuple[tuple[str, float], ...]
    prompt_tokens: int
    answer_tokens: int
    cached_tokens: int = 0
    prompt_s: float = -1.0
    answer_s: float


class Backend(Protocol):
    """Runs one model. Any thread may call any method."""

    def generate(self, requests: Sequence[Request]) -> list[Generated | Failed]:
        """Return the answer to each request, or why there is none."""
        ...

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text, without those that begin or end a sequence.

        Raises:
            InferenceError: The back-end does not answer.
        """
        ...

    def close(self) -> None:
        """Free what the model holds; a request that runs fails."""
        ...

"""The tokens of a model: from texts, and as grammars see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from models.extras.jinja2 import jinja2, sandbox
from models.extras.llguidance import llguidance
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from models.analytics.prompts import Prompt, PromptForm


class VocabularyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a tokenizer does not tell of a vocabulary.

    Attributes:
        size: Number of tokens.
        begin: Token that begins a sequence; None without.
        end: Token that ends an answer.
        adds_begin: Prompts without a template begin with it.
        template: Of a chat, in Jinja.
    """

    size: int
    begin: int | None
    end: int
    adds_begin: bool
    template: str


class NetworkVocabulary:
    """The vocabulary and the chat template of a model.

    Attributes:
        size: Number of tokens.
        tokens: As grammars see them.

    Args:
        tokenizer: Of the model.
        facts: What else belongs to it.

    Raises:
        ConfigurationError: The chat template cannot be used.
    """

    def __init__(self, tokenizer: Tokenizer, facts: VocabularyFacts) -> None:
        self.size = facts.size
        self.tokens = llguidance.LLTokenizer(
            tokenizer.to_str(), n_vocab=facts.size, eos_token=facts.end
        )
        self._tokenizer = tokenizer
        self._facts = facts
        begin = None if facts.begin is None else tokenizer.id_to_token(facts.begin)
        self._names = {
            "bos_token": begin or "",
            "eos_token": tokenizer.id_to_token(facts.end) or "",
        }
        environment = sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        try:
            self._template = environment.from_string(facts.template)
        except jinja2.TemplateError as error:
            raise _unusable(error) from error

    def prompt_ids(self, prompt: Prompt, form: PromptForm) -> list[int]:
        """Return the tokens of a prompt, template included.

        Raises:
            ConfigurationError: The chat template cannot be used.
        """
        facts = self._facts
        if form != "chat":
            ids = self._ids(prompt.text)
            return ids if facts.begin is None or not facts.adds_begin else [facts.begin, *ids]
        try:
            text = self._template.render(
                messages=prompt.messages, add_generation_prompt=True, **self._names
            )
        except jinja2.TemplateError as error:
            raise _unusable(error) from error
        return self._ids(text)

    def count(self, text: str) -> int:
        """Return the number of tokens of a text."""
        return len(self._ids(text))

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)


def _unusable(error: jinja2.TemplateError) -> ConfigurationError:
    return ConfigurationError(f"the model's chat template cannot be used: {error}")

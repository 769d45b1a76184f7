"""Rows: the tokens of a call's prompt and answer, and how much each token of the answer counts."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from llguidance.hf import from_tokenizer

from models.analytics.answers import encode_answer
from models.analytics.grammar import answer_grammar
from models.analytics.prompts import Prompt, TokenBudget, build_prompt
from models.console import tracked
from training.analytics.learning.answer_marks import choices, is_learnt, keys_of_tokens
from training.analytics.learning.turn_marks import number_ends, shown_labels
from training.analytics.measures.findings import names_turns
from training.core.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llguidance import LLTokenizer
    from transformers import PreTrainedTokenizerBase

    from models.analytics.guide import AnalysisGuide
    from training.analytics.corpus.examples import Example
    from training.analytics.learning.recipe import AnalyticsRecipe

_MARK = "ANSWER"


class Row(NamedTuple):
    """A call as the network reads it.

    Attributes:
        ids: Of the prompt, the answer and what ends it.
        begin: Where the answer begins.
        weights: Of each token from there; 0 where nothing is to be learnt.
        keys: Of each token from there, the key of its value; empty where it is no choice, or
            where nothing is to be learnt.
        turns: Place in ``ids`` of the last token of each turn's number; none where the prompt
            has no numbers, or what turns show is not learnt.
        shows: Of each of them, what the turn shows; see `labels_of`.
    """

    ids: tuple[int, ...]
    begin: int
    weights: tuple[float, ...]
    keys: tuple[str, ...]
    turns: tuple[int, ...] = ()
    shows: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class RowWriter:
    """Makes rows of examples, as serving makes its prompts.

    Args:
        recipe: Forms, token limits, weights.
        guide: That the answers are of.
        tokenizer: Of the base.
        for_grammars: The same for grammars; see `row_writer`.
        end: Token that ends an answer.
        template_tokens: That the chat template adds to the texts.
    """

    recipe: AnalyticsRecipe
    guide: AnalysisGuide
    tokenizer: PreTrainedTokenizerBase
    for_grammars: LLTokenizer
    end: int
    template_tokens: int

    def row(self, example: Example) -> Row:
        """Return the row of an example.

        Raises:
            RecipeError: Its answer is longer than the recipe leaves room for, or the prompt has no
                room at all.
            AnswerError: The analysis is none of the guide, or the grammar does not allow it.
        """
        forms = self.recipe.forms
        prompt = build_prompt(
            example.turns,
            example.context,
            forms.prompt,
            guide=self.guide,
            budget=TokenBudget(
                forms.max_tokens - forms.answer_tokens - self.template_tokens, self._count
            ),
        )
        answer = encode_answer(example.analysis, self.guide, forms.answer, prompt.shown)
        written = self.tokenizer(answer, add_special_tokens=False, return_offsets_mapping=True)
        tokens: list[int] = list(written["input_ids"])
        if len(tokens) >= forms.answer_tokens:
            raise RecipeError(
                f"forms.answer_tokens: the answer of {example.id} has {len(tokens)} tokens and "
                f"needs one more to end; {forms.answer_tokens} are left free"
            )
        grammar = answer_grammar(self.guide, forms.answer, len(prompt.shown))
        is_choice = choices(answer, tokens, self.for_grammars, grammar)
        keys = keys_of_tokens(answer, [end for _, end in written["offset_mapping"]])
        is_known = [is_learnt(key, example) for key in keys]
        structure = self.recipe.learning.structure_weight
        before = prompt_ids(self.tokenizer, prompt, forms.prompt)
        marks = list(zip(is_choice, is_known, strict=True))
        return Row(
            ids=(*before, *tokens, self.end),
            begin=len(before),
            weights=(*((1.0 if c else structure) if k else 0.0 for c, k in marks), structure),
            keys=(*(key if c and k else "" for key, (c, k) in zip(keys, marks, strict=True)), ""),
            **self._turns(example, prompt),
        )

    def rows(self, examples: Sequence[Example], split: str) -> list[Row]:
        """Return the rows of a split, with progress; errors as of `row`."""
        return [self.row(example) for example in tracked(examples, f"rows of {split}")]

    def _turns(self, example: Example, prompt: Prompt) -> dict[str, Any]:
        """Return where the turns of a prompt end, and what each shows."""
        if not self.recipe.learning.turn_weight or not names_turns(example.analysis):
            return {}
        text = _templated(self.tokenizer, prompt, "")
        written = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        last = [end for _, end in written["offset_mapping"]]
        ends = number_ends(prompt, text)
        return {
            "turns": tuple(bisect_left(last, end) for end in ends),
            "shows": shown_labels(example, self.guide, prompt.shown),
        }

    def _count(self, text: str) -> int:
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])


def row_writer(
    recipe: AnalyticsRecipe, guide: AnalysisGuide, tokenizer: PreTrainedTokenizerBase
) -> RowWriter:
    """Return the writer of a recipe's rows."""
    end = end_of_answer(tokenizer, recipe.forms.prompt)
    empty = prompt_ids(tokenizer, Prompt("", "", ()), recipe.forms.prompt)
    for_grammars = from_tokenizer(tokenizer, eos_token=end)  # type: ignore[arg-type]
    return RowWriter(recipe, guide, tokenizer, for_grammars, end, len(empty))


def prompt_ids(tokenizer: PreTrainedTokenizerBase, prompt: Prompt, form: str) -> list[int]:
    """Return the tokens of a prompt, up to where the answer begins.

    Raises:
        RecipeError: The base has no chat template.
    """
    if form == "document":
        return list(tokenizer(prompt.user)["input_ids"])
    text = _templated(tokenizer, prompt, "")
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def end_of_answer(tokenizer: PreTrainedTokenizerBase, form: str) -> int:
    """Return the token that ends an answer: that of the chat template, else that of the base.

    Raises:
        RecipeError: The base has none.
    """
    end: Any = tokenizer.eos_token_id
    if form == "chat":
        text = _templated(tokenizer, Prompt("", "x", ()), _MARK)
        after = tokenizer(text.rpartition(_MARK)[2], add_special_tokens=False)["input_ids"]
        specials = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
        end = next((each for each in after if each in specials), end)
    if end is None:
        raise RecipeError("base.model: its tokenizer has no token that ends an answer")
    return int(end)


def rows_sha256(rows: Sequence[Row]) -> str:
    """Return the hash of rows."""
    return hashlib.sha256(msgspec.msgpack.encode(rows)).hexdigest()


def _templated(tokenizer: PreTrainedTokenizerBase, prompt: Prompt, answer: str) -> str:
    """Return a prompt in the chat template, with an answer if there is one."""
    if not tokenizer.chat_template:
        raise RecipeError("forms.prompt: the base has no chat template; use 'document'")
    messages = [{"role": "system", "content": prompt.system}] if prompt.system else []
    messages.append({"role": "user", "content": prompt.user})
    if answer:
        messages.append({"role": "assistant", "content": answer})
    text: Any = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=not answer
    )
    return str(text)

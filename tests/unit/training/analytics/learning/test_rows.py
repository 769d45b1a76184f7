"""Rows of an adapter's training: what is read, what is learnt, and how much it counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from models.analytics.answers import encode_answer
from tests.support.analytics.planted_calls import GUIDE, planted_call
from training.analytics.learning.answer_marks import keys_of_tokens
from training.analytics.learning.base import find_base, load_tokenizer
from training.analytics.learning.rows import RowWriter, row_writer
from training.core.errors import RecipeError

if TYPE_CHECKING:
    from training.analytics.learning.recipe import AnalyticsRecipe
    from training.analytics.learning.rows import Row

Recipes = Callable[..., "AnalyticsRecipe"]


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path) -> object:
    return load_tokenizer(find_base(str(tiny_base)))


def _writer(recipe: AnalyticsRecipe, tokenizer: object) -> RowWriter:
    return row_writer(recipe, GUIDE, tokenizer)  # type: ignore[arg-type]


def _answer(row: Row, tokenizer: object) -> str:
    return str(tokenizer.decode(row.ids[row.begin : -1]))  # type: ignore[attr-defined]


def test_a_row_is_the_chat_with_the_answer_and_what_ends_a_turn(
    recipe_of: Recipes, tokenizer: object
) -> None:
    call = planted_call(1)

    row = _writer(recipe_of(), tokenizer).row(call)

    text = tokenizer.decode(row.ids)  # type: ignore[attr-defined]
    answer = encode_answer(call.analysis, GUIDE, "codes", range(4))
    assert text.startswith("<|im_start|>system\nGeneral customer service")
    assert text.endswith(f"<|im_start|>assistant\n{answer}<|im_end|>")
    assert "\nCustomer: zzz |2\n" in text
    assert _answer(row, tokenizer) == answer


@pytest.mark.parametrize("turns", [40, 100])
@pytest.mark.parametrize("form", ["chat", "document"])
def test_a_long_call_loses_turns_and_its_answer_nothing(
    recipe_of: Recipes, tokenizer: object, turns: int, form: str
) -> None:
    """The planted turn stands at the begin, so that the answer names it all the same."""
    call = planted_call(0, turns=turns)
    limits = ("forms.max_tokens=480", "forms.answer_tokens=120", f"forms.prompt={form}")

    row = _writer(recipe_of(*limits), tokenizer).row(call)

    assert len(row.ids) <= 480
    assert "turns left out" in tokenizer.decode(row.ids)  # type: ignore[attr-defined]
    assert _answer(row, tokenizer) == encode_answer(call.analysis, GUIDE, "codes", range(2))


def test_an_answer_that_has_no_room_is_refused(recipe_of: Recipes, tokenizer: object) -> None:
    """It is never cut."""
    writer = _writer(recipe_of("forms.answer_tokens=40"), tokenizer)

    with pytest.raises(RecipeError, match=r"forms\.answer_tokens: the answer of call-0 has"):
        writer.row(planted_call(0))


def test_choices_count_fully_and_what_the_grammar_forces_little(
    recipe_of: Recipes, tokenizer: object
) -> None:
    """A key, its colon and its quotes are forced; the letter of a category is not."""
    row = _writer(recipe_of("learning.structure_weight=0.1"), tokenizer).row(planted_call(0))

    answer = _answer(row, tokenizer)
    weights = dict(zip(_places(row, tokenizer), row.weights, strict=False))
    assert weights[answer.index('"i"')] == pytest.approx(0.1)
    assert weights[answer.index('"i":"') + 5] == 1.0
    assert row.weights[-1] == pytest.approx(0.1)  # the end of the turn


def test_what_is_not_known_of_a_call_is_not_learnt(recipe_of: Recipes, tokenizer: object) -> None:
    """The loss of its tokens counts nothing, and no figure is made of them."""
    known = planted_call(0, tasks=("category",))

    row = _writer(recipe_of(), tokenizer).row(known)

    answer = _answer(row, tokenizer)
    weights = dict(zip(_places(row, tokenizer), row.weights, strict=False))
    assert set(row.keys) == {"i", "i_turn", ""}
    assert weights[answer.index('"i":"') + 5] == 1.0
    assert weights[answer.index('"r":"') + 5] == 0.0


def test_the_keys_of_an_answer_in_full_belong_to_its_values(
    recipe_of: Recipes, tokenizer: object
) -> None:
    writer = _writer(
        recipe_of("forms.answer=document", "forms.answer_tokens=800", "forms.max_tokens=1024"),
        tokenizer,
    )

    row = writer.row(planted_call(1))

    assert {"primary_category", "churn_risk", "evidence"} <= set(row.keys)


def test_in_codes_the_number_of_a_turn_is_judged_apart() -> None:
    answer = '{"i":"12c","f":"9d+e","s":"A3b-","r":"7@60","c":"+5","q":"75"}'
    marked = keys_of_tokens(answer, range(1, len(answer) + 1))

    turns = {n: key for n, key in enumerate(marked) if key.endswith("_turn")}
    assert {
        key: "".join(answer[n] for n in turns if turns[n] == key) for key in turns.values()
    } == {
        "i_turn": "12",
        "f_turn": "9+",
        "s_turn": "3",
        "r_turn": "7@",
        "c_turn": "+",
    }


def test_a_value_ends_where_the_next_key_begins() -> None:
    assert keys_of_tokens('{"i":"c3","f":["x"]}', [1, 4, 5, 6, 9, 10, 13, 15]) == [
        "",
        "",
        "",
        "i",
        "i",
        "i",
        "i",
        "f",
    ]


def _places(row: Row, tokenizer: object) -> list[int]:
    """Return where each token of the answer begins; the tokens of the tiny base are characters."""
    sizes = [len(tokenizer.decode([each])) for each in row.ids[row.begin : -1]]  # type: ignore[attr-defined]
    return [sum(sizes[:index]) for index in range(len(sizes))]

"""What turns show, learnt beside the answer: where it stands, what it is, and what it moves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from msgspec.structs import replace

from models.analytics.analysis import Choice, Judgement
from models.analytics.prompts import Prompt
from tests.support.analytics.planted_calls import GUIDE, planted_call
from training.analytics.learning.base import find_base, load_tokenizer
from training.analytics.learning.learner import AdapterLearner
from training.analytics.learning.network import load_network
from training.analytics.learning.rows import row_writer
from training.analytics.learning.run import LearningExamples, learn_adapter
from training.analytics.learning.states import LowerStates
from training.analytics.learning.turn_marks import labels_of, number_ends, shown_labels
from training.core.checkpoints import CHECKPOINT_NAME, read_checkpoint
from training.core.errors import RecipeError
from training.core.optimisers import Schedule

if TYPE_CHECKING:
    from training.analytics.learning.recipe import AnalyticsRecipe
    from training.analytics.learning.rows import Row

Recipes = Callable[..., "AnalyticsRecipe"]
CPU = torch.device("cpu")
LABELS = labels_of(GUIDE)
WEIGHTED = "learning.turn_weight=0.5"


def _names(labels: tuple[int, ...]) -> list[str]:
    return [LABELS[each] for each in labels]


def _row(recipe: AnalyticsRecipe, tiny_base: Path, number: int = 0) -> tuple[Row, Any]:
    tokenizer = load_tokenizer(find_base(str(tiny_base)))
    return row_writer(recipe, GUIDE, tokenizer).row(planted_call(number, turns=11)), tokenizer


def test_labels_are_the_findings_that_name_a_turn() -> None:
    call = planted_call(0)
    analysis = replace(
        call.analysis,
        faults=(Choice(name="rude", turns=(2,)), Choice(name="jargon", turns=(2, 0))),
        scorecard=(
            Judgement(answer="yes", turns=(0,)),
            Judgement(answer="no"),
            *call.analysis.scorecard[2:],
        ),
    )

    shown = shown_labels(replace(call, analysis=analysis), GUIDE, (0, 1, 2))

    question = f"scorecard: {GUIDE.scorecard[0].name}"
    assert _names(shown[0]) == ["faults: jargon", question]
    assert _names(shown[1]) == [f"category: {GUIDE.categories[0]}", "churn: 0"]
    assert set(_names(shown[2])) == {"faults: rude", "faults: jargon"}


def test_turns_that_a_prompt_leaves_out_and_unknown_tasks_are_no_label() -> None:
    call = planted_call(0)

    assert shown_labels(call, GUIDE, (0, 3)) == ((), ())
    (known,) = shown_labels(replace(call, tasks=("churn",)), GUIDE, (1,))
    assert _names(known) == ["churn: 0"]


def test_the_state_that_is_read_is_that_of_the_last_digit_of_a_turn(
    recipe_of: Recipes, tiny_base: Path
) -> None:
    """Whatever people say: a caller who says a number does not number a turn."""
    row, tokenizer = _row(recipe_of(WEIGHTED), tiny_base)

    read = [tokenizer.decode(row.ids[place - 5 : place + 1]) for place in row.turns]
    assert len(read) == len(row.shows) == 11
    assert [text.rpartition("|")[2] for text in read] == [str(n) for n in range(1, 12)]
    assert row.turns[-1] < row.begin


def test_words_that_end_as_a_number_does_are_not_taken_for_it() -> None:
    prompt = Prompt("s", "monday (2)\nAgent: it is /1 |1\nCustomer: no |2", (0, 1))
    text = f"<s> |1\n{prompt.user}<end>"

    assert [text[:end].splitlines()[-1] for end in number_ends(prompt, text)] == [
        "Agent: it is /1 |1",
        "Customer: no |2",
    ]


def test_a_row_has_no_turns_unless_they_are_learnt(recipe_of: Recipes, tiny_base: Path) -> None:
    row, _ = _row(recipe_of(), tiny_base)

    assert (row.turns, row.shows) == ((), ())


def test_an_analysis_that_names_no_turn_teaches_none(recipe_of: Recipes, tiny_base: Path) -> None:
    """People may say what a call is about and not where; that no turn shows it is not so."""
    call = planted_call(0, turns=11)
    category, churn = call.analysis.category, call.analysis.churn
    assert category is not None
    assert churn is not None
    analysis = replace(
        call.analysis, category=replace(category, turns=()), churn=replace(churn, turns=())
    )
    tokenizer = load_tokenizer(find_base(str(tiny_base)))
    writer = row_writer(recipe_of(WEIGHTED), GUIDE, tokenizer)

    row = writer.row(replace(call, analysis=analysis))

    assert (row.turns, row.shows) == ((), ())
    learnt = dict.fromkeys(row.keys)
    assert {"i", "r", "q"} <= set(learnt)
    assert not any(key.endswith("_turn") for key in learnt)
    places = [n for n, token in enumerate(row.ids[row.begin :]) if tokenizer.decode([token]) == "+"]
    assert [row.weights[n] for n in places] == [0.0, 0.0]


def test_the_reader_learns_what_turns_show_and_says_how_well(
    recipe_of: Recipes, tiny_base: Path
) -> None:
    recipe = recipe_of(WEIGHTED)
    rows = [_row(recipe, tiny_base, number)[0] for number in range(4)]
    network = load_network(recipe, find_base(str(tiny_base)), CPU)
    schedule = Schedule(steps=90, decay_from=90, warmup_steps=0, learning_rate=1e-2)
    learner = AdapterLearner(network, LowerStates(network, None, "base"), schedule, seed=1)

    before = learner.validate(rows, 2).figures["turns_f1"]
    for _ in range(90):
        learner.learn([rows])

    assert before == 0.0
    assert learner.validate(rows, 2).figures["turns_f1"] > 0.9


def test_the_adapter_of_a_run_has_no_reader(recipe_of: Recipes, tmp_path: Path) -> None:
    """The checkpoint has it, since a resumed run goes on with it."""
    recipe = recipe_of(WEIGHTED, "learning.steps=2", "learning.validation_steps=2")
    calls = [planted_call(number) for number in range(4)]

    report = learn_adapter(recipe, LearningExamples(calls, calls[:2]), tmp_path)

    kept = read_checkpoint(tmp_path / CHECKPOINT_NAME)["parameters"]
    assert {"turns.weight", "turns.bias"} <= set(kept)
    assert "turns" not in (tmp_path / "adapter" / "adapter_config.json").read_text()
    adapter = sum(each.numel() for name, each in kept.items() if not name.startswith("turns."))
    assert report.trainable_parameters == adapter


def test_the_documents_form_has_no_numbers_to_read_at(recipe_of: Recipes) -> None:
    with pytest.raises(RecipeError, match=r"turn_weight needs forms\.prompt = 'chat'"):
        recipe_of(WEIGHTED, "forms.prompt=document")

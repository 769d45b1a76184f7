"""The evaluation of models whose answers stand in a table: figures, reports, plots."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from math import log
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from models.analytics.analysis import Judgement
from models.analytics.guide import load_guide
from tests.support.analytics.analysed_calls import (
    NONE,
    TableAnswerer,
    analysis,
    choice,
    example,
    rating,
)
from training.analytics.evaluation.comparison import comparison_lines
from training.analytics.evaluation.evaluator import EvaluationPlan, MeasuredModel, evaluate
from training.analytics.evaluation.figures import draw_all
from training.analytics.evaluation.report import write_report_md
from training.analytics.evaluation.results import read_report, write_report_json
from training.analytics.measures.perplexity import AnswerLosses
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from models.analytics.analysis import Analysis
    from training.analytics.corpus.examples import Example
    from training.analytics.evaluation.outcomes import TargetScorer
    from training.analytics.evaluation.results import MetricResult, Report

GUIDE = load_guide("contact-centre")
PLAN = EvaluationPlan(GUIDE, "table", resamples=100)
CARDS, TRAVEL = "Cards", "Travel and Transport"


def target(number: int, confidence: float = -1.0) -> Analysis:
    """Return two kinds of calls by turns, each with everything known."""
    is_card = number % 2 == 0
    return analysis(
        category=choice(CARDS if is_card else TRAVEL, 1, confidence=confidence),
        journey=choice("complaint" if is_card else "information", 1),
        action=choice("done", 2),
        outcome=choice("resolved", 3),
        faults=(choice("rude", 2),) if is_card else (),
        csat=rating(20 if is_card else 80, 3),
        churn=rating(80 if is_card else 10, 3),
        quality=rating(50 if is_card else 95),
        scorecard=(Judgement(answer="yes", turns=(0,)), *[NONE] * 5),
    )


CALLS = [
    example(
        target(number),
        ("hello", "my card is lost" if number % 2 == 0 else "a flight to rome", "done", "thanks"),
        name=f"call{number}",
    )
    for number in range(12)
]
RIGHT = {call.id: target(place, 0.9) for place, call in enumerate(CALLS)}


def measured(
    answerer: TableAnswerer, scorer: TargetScorer | None = None
) -> AbstractContextManager[MeasuredModel]:
    return nullcontext(MeasuredModel(answerer, scorer))


def report(
    table: dict[str, Analysis | str | Sequence[Analysis]],
    calls: list[Example] = CALLS,
    plan: EvaluationPlan = PLAN,
) -> Report:
    return evaluate({"adapter": measured(TableAnswerer(table))}, {"test": calls}, calls, plan)


def metrics(found: Report) -> dict[str, MetricResult]:
    return found.models["adapter"].sets["test"].metrics


def test_a_model_that_is_right_reaches_all_and_the_baselines_stand_beside_it() -> None:
    found = report({**RIGHT})

    assert {each.figure.value for name, each in metrics(found).items() if name != "null_f1"} == {1}
    assert found.models["adapter"].sets["test"].score == 1.0
    assert metrics(found)["issue_accuracy"].baselines["majority"].value == 0.5
    assert metrics(found)["issue_accuracy"].baselines["keywords"].value == 1.0
    assert metrics(found)["issue_accuracy"].figure.low < 1.0  # twelve calls prove no certainty


def test_a_model_that_always_abstains_reaches_nothing() -> None:
    """Where nothing is null, null is always wrong."""
    found = report({call.id: analysis() for call in CALLS})

    reached = {name for name, each in metrics(found).items() if each.figure.value}

    assert found.models["adapter"].sets["test"].valid.value == 1.0
    assert found.models["adapter"].sets["test"].score == 0.0
    assert reached == {"scorecard_accuracy", "faults_exact", "no_fault_accuracy"}
    assert metrics(found)["scorecard_accuracy"].figure.value == pytest.approx(5 / 6, abs=1e-4)
    assert metrics(found)["null_f1"].figure.value == 0.0


def test_an_abstaining_model_is_right_where_nothing_is_shown() -> None:
    calls = [example(analysis(), name=f"short{number}") for number in range(4)]

    found = report({call.id: analysis() for call in calls}, calls)

    assert metrics(found)["null_f1"].figure.value == 1.0
    assert "issue_accuracy" not in metrics(found)
    assert metrics(found)["no_fault_accuracy"].figure.value == 1.0


def test_invalid_texts_and_failures_are_counted_and_wrong() -> None:
    table: dict[str, Analysis | str | Sequence[Analysis]] = {**RIGHT, "call0": "{", "call1": "no"}
    del table["call2"]

    found = report(table).models["adapter"].sets["test"]

    assert found.failed == 1
    assert found.invalid == {"not JSON": 2, "out of memory": 1}
    assert found.valid.value == pytest.approx(9 / 12)
    assert found.metrics["issue_accuracy"].figure.value == pytest.approx(9 / 12)
    assert (CARDS, "no answer", 2) in found.confusions["category"]
    assert found.speed is not None
    assert found.speed.prompt_s.p50 == 1.0


def test_parts_of_a_set_are_measured_without_asking_again() -> None:
    """Here two sources, one of which the model knows nothing of."""
    other = [replace(each, source="sgd") for each in CALLS[:3]]
    table: dict[str, Analysis | str | Sequence[Analysis]] = {
        name: given for name, given in RIGHT.items() if name not in {"call0", "call1", "call2"}
    }
    answerer = TableAnswerer(table)

    found = evaluate({"adapter": measured(answerer)}, {"test": [*other, *CALLS[3:]]}, CALLS, PLAN)
    sets = found.models["adapter"].sets

    assert {name: each.calls for name, each in sets.items()} == {
        "test": 12,
        "test, composed": 9,
        "test, sgd": 3,
    }
    assert sets["test, composed"].score == 1.0
    assert sets["test, sgd"].failed == 3
    assert set(sets["test, sgd"].metrics["issue_accuracy"].baselines) == {"majority", "keywords"}
    assert found.data["test, sgd"].calls == 3
    assert len(answerer.asked) == 2  # twelve calls, eight at a time


def test_confusions_and_churn_are_those_of_the_answers() -> None:
    wrong = replace(RIGHT["call0"], category=choice(TRAVEL), churn=rating(30))

    found = report({**RIGHT, "call0": wrong, "call2": replace(wrong, category=None)})
    result = found.models["adapter"].sets["test"]

    assert set(result.confusions["category"]) == {
        (CARDS, CARDS, 4),
        (CARDS, TRAVEL, 1),
        (CARDS, "null", 1),
        (TRAVEL, TRAVEL, 6),
    }
    assert ("high", "low", 2) in result.confusions["churn band"]
    assert result.churn.count((80, 30)) == 2
    assert result.mean_errors["churn"] == pytest.approx(2 * 50 / 12, abs=1e-3)


def test_confidences_are_held_against_right_answers() -> None:
    wrong = replace(RIGHT["call0"], category=choice(TRAVEL, confidence=0.9))

    found = report({**RIGHT, "call0": wrong}).models["adapter"].sets["test"]

    assert found.confidences["category"].answers == 12
    assert found.confidences["category"].error == pytest.approx(abs(0.9 - 11 / 12), abs=1e-3)
    assert set(found.confidences) == {"category"}  # the others have no confidence


def test_generations_agree_by_pairs() -> None:
    """Of three answers one differs: one pair of three agrees."""
    other = replace(RIGHT["call0"], category=choice(TRAVEL))
    table: dict[str, Analysis | str | Sequence[Analysis]] = {
        "call0": (RIGHT["call0"], RIGHT["call0"], RIGHT["call0"], other)
    }
    plan = EvaluationPlan(GUIDE, "table", generations=3, temperature=0.7, seed=5, resamples=100)
    answerer = TableAnswerer(table)

    found = evaluate({"adapter": measured(answerer)}, {"test": CALLS[:1]}, CALLS, plan).models[
        "adapter"
    ]

    assert answerer.asked == [(0.0, 0), (0.7, 5), (0.7, 6), (0.7, 7)]
    assert found.generations is not None
    assert found.generations.agreement["category"].value == pytest.approx(1 / 3, abs=1e-4)
    assert found.generations.agreement["journey"].value == 1.0
    assert found.generations.identical.value == pytest.approx(1 / 3, abs=1e-4)


class Certain:
    """Finds every target as likely as 1 of 2 at one token and certain at another."""

    def losses(self, examples: Sequence[Example]) -> list[AnswerLosses]:
        """Return two tokens for each call."""
        return [AnswerLosses((log(2), 0.0), (True, False)) for _ in examples]


def test_the_report_says_data_counts_seed_intervals_and_machine(tmp_path: Path) -> None:
    models = {
        "adapter": measured(TableAnswerer({**RIGHT}, "tuned@1"), Certain()),
        "base": measured(TableAnswerer({}, "base@1")),
    }
    plan = EvaluationPlan(GUIDE, "table", generations=2, seed=3, resamples=100)
    found = evaluate(models, {"test": CALLS, "test, composed": CALLS[:4]}, CALLS, plan)

    plots = draw_all(found, tmp_path / "figures")
    text = write_report_md(tmp_path, found, plots).read_text("utf-8")

    assert read_report(write_report_json(tmp_path, found)) == found
    assert read_report(tmp_path) == found
    for words in ("seed 3", "100 samples", "| cpu |", "| test | 12 |", "tuned@1", "base@1"):
        assert words in text
    assert "| mean | 1.4142 | 2.0000 | 1.3505 |" in text
    assert "| issue accuracy | 12 | 100.0% (" in text
    assert "12 times out of memory" in text
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in plots)
    names = {path.stem for path in plots}
    assert {"confusions_adapter_test", "reliability_adapter_test", "churn_adapter_test"} <= names
    assert "churn_base_test" not in names  # it answered nothing


def test_two_reports_stand_side_by_side() -> None:
    right = report({**RIGHT})
    nothing = report({call.id: analysis() for call in CALLS})

    text = "\n".join(comparison_lines({"full": right, "small": nothing}))

    assert "| figure | full | small |" in text
    line = next(line for line in text.splitlines() if line.startswith("| issue accuracy"))
    assert line.startswith("| issue accuracy | 100.0%")
    assert "| 0.0% (" in line
    assert "cannot be compared" not in text


def test_reports_on_other_calls_are_told_apart() -> None:
    text = "\n".join(comparison_lines({"a": report({**RIGHT}), "b": report({**RIGHT}, CALLS[:6])}))

    assert "cannot be compared" in text


def test_one_model_is_no_comparison() -> None:
    with pytest.raises(MissingDataError, match="two models or more"):
        list(comparison_lines({"a": report({**RIGHT})}))


@pytest.mark.parametrize("sets", [{}, {"test": []}], ids=["none", "an empty one"])
def test_no_calls_are_one_clear_error(sets: dict[str, list[Example]]) -> None:
    with pytest.raises(MissingDataError, match="no calls to measure"):
        evaluate({"adapter": measured(TableAnswerer({}))}, sets, CALLS, PLAN)

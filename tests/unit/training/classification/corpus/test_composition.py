from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.models.labelled_calls import row, sentence
from training.classification.corpus.composition import (
    FRAMES,
    SOURCE,
    Composition,
    compose_calls,
    read_frames,
)
from training.classification.corpus.rows import SPLITS
from training.classification.corpus.spreading import spread_over_labels
from training.core.errors import RecipeError
from training.text.recognizer_noise import RecognizerNoise

if TYPE_CHECKING:
    from pathlib import Path

    from training.classification.corpus.rows import Row, Split

_LABELS = ("Refund", "Music", "Weather")


def _questions(of_each: int = 30) -> dict[Split, list[Row]]:
    draw = random.Random(5)
    return {
        split: [
            row(f"{sentence(draw)} {split} {label} {index}", label=label, source="asked")
            for label in _LABELS
            for index in range(of_each)
        ]
        for split in SPLITS
    }


def _composed(**settings: Any) -> dict[Split, list[Row]]:
    wanted = Composition(sources=("asked",), **settings)
    return compose_calls(_questions(), wanted, "sub_category", seed=1)


def test_the_question_stands_in_the_call_as_it_was_written() -> None:
    questions = {one.id: one for of_split in _questions().values() for one in of_split}

    composed = _composed(train=60, test=6)

    for call in [*composed["train"], *composed["test"]]:
        question = questions[call.provenance["question"]]
        assert question.turns[0] in call.turns
        assert (call.labels, call.group) == (question.labels, question.group)
        assert call.source == SOURCE
        assert call.provenance["composed"]
    assert {len(composed["train"]), len(composed["test"])} == {60, 6}
    assert composed["validation"] == []


def test_most_calls_have_more_turns_of_the_customer_than_the_question() -> None:
    calls = _composed(train=90)["train"]
    customers = [sum(turn.party == "customer" for turn in call.turns) for call in calls]

    assert sum(count > 1 for count in customers) > 60
    assert all("{" not in turn.text for call in calls for turn in call.turns)


def test_calls_are_spread_over_the_labels_and_leave_out_what_is_no_call() -> None:
    calls = _composed(train=40, without=("Weather",))["train"]
    labels = [call.labels["sub_category"][0] for call in calls]

    assert (labels.count("Refund"), labels.count("Music")) == (20, 20)


def test_noise_is_in_training_calls_only_and_is_told() -> None:
    noise = RecognizerNoise(share=1.0, drop=0.3)
    composed = _composed(train=20, test=20, noise=noise, fillers_share=0.5)

    noisy, clean = composed["train"], composed["test"]
    assert {call.provenance.get("noise") for call in noisy} == {"recognizer"}
    assert {call.provenance.get("noise") for call in clean} == {None}
    said = [turn.text for call in noisy for turn in call.turns]
    assert all(text == text.lower() and "?" not in text for text in said)
    assert any("um " in text for text in said)


def test_the_same_seed_composes_the_same_calls() -> None:
    assert _composed(train=20) == _composed(train=20)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("{company}", "{planet}"), "no words for planet"),
        (("greetings = [", "greeting = ["), "cannot be read"),
    ],
)
def test_sentences_that_cannot_be_filled_are_refused(
    change: tuple[str, str], complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "frames.toml"
    path.write_text(FRAMES.read_text("utf-8").replace(*change))

    with pytest.raises(RecipeError, match=complaint):
        read_frames(path)


def test_a_limit_takes_all_of_a_rare_label() -> None:
    rows = [row(f"r{index}") for index in range(50)] + [row("m", label="Music")]

    chosen = spread_over_labels(rows, 11, "sub_category", random.Random(1))

    assert len(chosen) == 11
    assert [one for one in chosen if one.labels["sub_category"] == ("Music",)]

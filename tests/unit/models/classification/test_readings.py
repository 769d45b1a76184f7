"""A call that is read in several ways has one answer: the mean of what each reading says."""

from __future__ import annotations

import random
from math import exp
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.classification.classifier import Classification, Classifier, Passage
from models.classification.readings import Reading, TokenizedCall, read_windows, wrong_readings
from tests.support.classification.tiny_classifier import LABEL_SET, said, write_classifier

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.base import Party

ALL = LABEL_SET.replace('reads = "customer"', 'reads = "all"')
WHOLE = Reading(32, 8)
CALLER = Reading(32, 8, skips=("agent",))
NARROW = Reading(16, 7, weight=0.5)
WORDS = ("monday", "noon", "phone", "number", "thank", "please", "seven", "the", "my", "week")
CALL = said("the week is on", "seven seven", "my week")  # the agent says what is High


def classifier(folder: Path, *readings: Reading) -> Classifier:
    return Classifier.load(write_classifier(folder, label_set=ALL, readings=readings))


def high(found: Classification) -> float:
    return float(found.probabilities["priority"][1])


def call_of(*turns: tuple[Party, int]) -> TokenizedCall:
    """Return a call whose turns have so many tokens, all of them different."""
    token = iter(range(10_000))
    passages = [[next(token) for _ in range(count)] for _, count in turns]
    return TokenizedCall(passages, [party for party, _ in turns])


def read(call: TokenizedCall, *further: Reading) -> list[Reading]:
    return [each.reading for each in read_windows(call, (WHOLE, *further), 2)]


@pytest.mark.parametrize(
    ("reading", "logit"),
    [
        (Reading(32, 8, skips=("agent",)), 2.0),
        (Reading(32, 8, skips=("agent",), weight=3.0), 1.0),
        (Reading(32, 8, skips=("agent",), weight=3.0, tasks=("priority",)), 1.0),
        (Reading(32, 8, skips=("agent",), weight=3.0, tasks=("main", "sub")), 4.0),
    ],
    ids=["alike", "weight", "its task", "other tasks"],
)
def test_an_answer_is_the_weighted_mean_of_the_readings_that_count_for_its_task(
    tmp_path: Path, reading: Reading, logit: float
) -> None:
    """All turns speak for High with a logit of 4, the caller's with none."""
    (found,) = classifier(tmp_path, reading).classify([CALL])

    assert high(found) == pytest.approx(1 / (1 + exp(-logit)))
    assert found.windows == 2


def test_the_mean_is_of_readings_not_of_windows(tmp_path: Path) -> None:
    """One window says it with a logit of 2, one of three narrow ones does."""
    call = [Passage("seven " + "the week is on my number please " * 3, "customer")]

    (found,) = classifier(tmp_path, Reading(16, 7)).classify([call])

    assert found.windows == 1 + 3
    assert high(found) == pytest.approx(1 / (1 + exp(-(2.0 + 2.0 / 3) / 2)))


@pytest.mark.parametrize("party", ["customer", "unknown", "agent"])
def test_a_call_of_one_party_is_answered_as_by_one_reading(tmp_path: Path, party: Party) -> None:
    """Its callers' turns are all or none."""
    call = [Passage("seven the week", party), Passage("my phone number", party)]
    plain = classifier(tmp_path / "plain").classify([call])[0]

    (found,) = classifier(tmp_path / "two", CALLER).classify([call])

    assert found.windows == plain.windows == 1
    assert found.answers == plain.answers
    for task, values in plain.probabilities.items():
        assert np.array_equal(found.probabilities[task], values)


def test_a_reading_is_left_out_where_it_says_nothing_new() -> None:
    both = call_of(("agent", 5), ("customer", 9))

    assert read(both, CALLER) == [WHOLE, CALLER]
    assert read(both, CALLER, Reading(24, 4, skips=("agent",))) == [WHOLE, CALLER]
    assert read(call_of(("customer", 9)), CALLER, NARROW) == [WHOLE]
    assert read(call_of(("agent", 9)), CALLER) == [WHOLE]
    assert read(call_of(("agent", 0), ("customer", 0)), CALLER) == []


def test_the_same_windows_are_read_again_for_other_tasks_alone() -> None:
    first = Reading(32, 8, skips=("agent",), tasks=("main",))
    both = call_of(("agent", 5), ("customer", 9))

    for tasks in ((), ("sub",), ("main", "sub")):
        other = Reading(32, 8, skips=("agent",), tasks=tasks)
        assert read(both, first, other) == [WHOLE, first, other]
    assert read(both, first, first) == [WHOLE, first]


def test_a_reading_is_of_calls_of_its_lengths() -> None:
    reading = Reading(16, 4, min_call_tokens=20, max_call_tokens=100)

    lengths = [
        tokens for tokens in range(1, 130) if len(read(call_of(("customer", tokens)), reading)) > 1
    ]

    assert lengths == list(range(20, 101))


def test_a_call_beyond_the_limit_is_answered_and_costs_as_by_one_reading(tmp_path: Path) -> None:
    limited = Reading(16, 7, max_call_tokens=40)
    short, long = (said("the week is on", "seven my number", *["um"] * n) for n in (14, 60))
    plain = classifier(tmp_path / "plain").classify([short, long])

    found = classifier(tmp_path / "two", limited).classify([short, long])

    assert found[0].windows > plain[0].windows
    assert found[1].windows == plain[1].windows > 1
    assert np.array_equal(found[1].probabilities["priority"], plain[1].probabilities["priority"])


def test_windows_of_a_reading_know_their_passages() -> None:
    call = call_of(("agent", 7), ("customer", 9), ("agent", 30), ("customer", 40))

    found = read_windows(call, (WHOLE, CALLER), 2)[1]

    spoken = [token for index in (1, 3) for token in call.passages[index]]
    assert {token for window in found.windows for token in window.ids} == set(spoken)
    for window in found.windows:
        assert window.ids[0] in call.passages[window.first]
        assert window.ids[-1] in call.passages[window.last]


def test_the_evidence_is_of_the_label_that_the_readings_give_together(tmp_path: Path) -> None:
    """All turns together would say Phone, which the agent speaks of."""
    call = said("um the week", "phone number", "yes", "my phone number", "my monday")
    (plain,) = classifier(tmp_path / "plain").classify([call])

    (found,) = classifier(tmp_path / "two", Reading(32, 8, skips=("agent",), weight=9.0)).classify(
        [call]
    )

    assert [each.labels[0].label for each in plain.answers[:2]] == ["Contact", "Phone"]
    assert [each.labels[0].label for each in found.answers[:2]] == ["Time", "Day"]
    assert found.answers[1].evidence[0] == 4
    assert plain.answers[1].evidence[0] in {1, 3}


def test_the_evidence_is_looked_for_in_the_windows_of_all_turns(tmp_path: Path) -> None:
    """However many windows other readings have."""
    turns = ["um the week is on my week"] * 16
    turns[14] = "my monday monday"
    call = [Passage(text, "customer") for text in turns]

    (found,) = classifier(tmp_path, NARROW).classify([call])

    assert found.answers[1].labels[0].label == "Day"
    assert found.answers[1].evidence == (14,)


def test_a_call_in_several_readings_has_the_same_answer_whatever_shares_its_batch(
    tmp_path: Path,
) -> None:
    tiny = classifier(tmp_path, CALLER, NARROW)
    drawn = random.Random(4)
    calls = [
        said(*(" ".join(drawn.choices(WORDS, k=drawn.randint(1, 30))) for _ in range(turns)))
        for turns in (1, 2, 3, 5, 8, 40)
    ]
    alone = [tiny.classify([call])[0] for call in calls]

    for order in ([0, 1, 2, 3, 4, 5], [5, 3, 1, 0, 2, 4], [2, 2, 5]):
        together = tiny.classify([calls[index] for index in order])
        for index, found in zip(order, together, strict=True):
            assert found.answers == alone[index].answers
            assert found.windows == alone[index].windows
            for task, values in found.probabilities.items():
                assert np.array_equal(values, alone[index].probabilities[task])


def test_calls_that_are_not_read_stand_among_those_that_are(tmp_path: Path) -> None:
    """Their answers stay with their calls."""
    tiny = classifier(tmp_path, CALLER, NARROW)
    calls = [said(""), CALL, said("wrong number"), said("my phone number please", "yes"), []]

    found = tiny.classify(calls)

    assert [each.abstained for each in found] == ["silent", "", "wrong_number", "", "silent"]
    assert [each.windows > 0 for each in found] == [False, True, False, True, False]
    for call, one in zip(calls, found, strict=True):
        assert tiny.classify([call])[0].answers == one.answers


@pytest.mark.parametrize(
    ("reading", "complaint"),
    [
        (Reading(64, 8), "reading 1: max_tokens lies between 16 and the model's 32"),
        (Reading(8, 2), "reading 1: max_tokens lies between 16 and the model's 32"),
        (Reading(16, 8), "reading 1: overlap_tokens is less than half of max_tokens"),
        (Reading(16, -1), "reading 1: overlap_tokens is less than half of max_tokens"),
        (Reading(16, 4, weight=0.0), "reading 1: weight is over 0"),
        (Reading(16, 4, tasks=("mood",)), "reading 1: the label set has no task 'mood'"),
        (
            Reading(16, 4, min_call_tokens=50, max_call_tokens=40),
            "reading 1: min_call_tokens is 0 or more, and at most max_call_tokens unless that is 0",
        ),
    ],
)
def test_each_wrong_setting_of_a_reading_is_told_alone(reading: Reading, complaint: str) -> None:
    assert wrong_readings([reading], {"main": ("Time",)}, 32) == [complaint]
    assert not wrong_readings([CALLER, NARROW], {"main": ("Time",)}, 32)

"""What a classifier makes of a call: labels that agree, the passages that carried them, rules."""

import random
from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.classification.classifier import Classification, Classifier, Passage, classify_by_rules
from models.classification.label_set import load_label_set
from schemas.errors import ModelIntegrityError
from tests.support.classification.tiny_classifier import LABEL_SET, said, write_classifier

WORDS = ("monday", "noon", "phone", "number", "thank", "please", "um", "the", "my", "week")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classifier(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def classifier(manifest: Path) -> Classifier:
    return Classifier.load(manifest)


def labels(found: Classification) -> dict[str, list[str]]:
    return {answer.task: [each.label for each in answer.labels] for answer in found.answers}


def test_each_task_has_the_labels_that_its_words_speak_for(classifier: Classifier) -> None:
    (found,) = classifier.classify([said("my phone number please")])

    assert labels(found) == {
        "main": ["Contact"],
        "sub": ["Phone"],
        "flags": ["Asks"],
        "priority": ["Low"],
    }
    assert (found.abstained, found.windows) == ("", 1)


def test_a_label_carries_the_turns_that_speak_for_it_the_strongest_first(
    classifier: Classifier,
) -> None:
    call = said("um the week", "phone number phone", "is my number", "yes", "my phone number")

    (found,) = classifier.classify([call])

    evidence = {answer.task: answer.evidence for answer in found.answers}
    assert evidence["sub"][0] == 4
    assert 0 not in evidence["sub"]
    assert 1 not in evidence["sub"]  # the agent's


def test_sub_and_main_label_never_contradict(classifier: Classifier) -> None:
    drawn = random.Random(3)
    calls = [said(" ".join(drawn.choices(WORDS, k=12))) for _ in range(200)]
    tiny = classifier.label_set
    parents = dict(zip(tiny.task("sub").names, tiny.parents(tiny.task("sub")), strict=True))

    for found in classifier.classify(calls):
        given = labels(found)
        assert tiny.task("main").names[parents[given["sub"][0]]] == given["main"][0]
        assert abs(float(found.probabilities["sub"].sum()) - 1) < 1e-6


def test_a_call_has_the_same_answer_whatever_shares_its_batch(classifier: Classifier) -> None:
    drawn = random.Random(4)
    calls = [
        said(*(" ".join(drawn.choices(WORDS, k=drawn.randint(1, 30))) for _ in range(turns)))
        for turns in (1, 2, 3, 5, 8, 40)
    ]
    alone = [classifier.classify([call])[0] for call in calls]

    for order in ([0, 1, 2, 3, 4, 5], [5, 3, 1, 0, 2, 4], [2, 2, 5]):
        together = classifier.classify([calls[index] for index in order])
        for index, found in zip(order, together, strict=True):
            assert found.answers == alone[index].answers
            for task, values in found.probabilities.items():
                assert np.array_equal(values, alone[index].probabilities[task])


def test_words_anywhere_in_a_three_hour_call_count(classifier: Classifier) -> None:
    turns = ["the week is on"] * 6_000
    turns[5_990] = "thank you my phone number phone number phone number" * 20

    (found,) = classifier.classify([[Passage(text, "customer") for text in turns]])

    assert labels(found)["sub"] == ["Phone"]
    assert found.answers[1].evidence[0] == 5_990
    assert found.windows > 500


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "silent"),
        ("...", "silent"),
        ("yes", "too_short"),
        ("sorry this is the wrong number", "wrong_number"),
    ],
)
def test_what_is_no_call_has_no_labels(classifier: Classifier, text: str, reason: str) -> None:
    (found,) = classifier.classify([said(text)])

    assert (found.abstained, found.answers) == (reason, ())


def test_a_long_call_in_which_a_wrong_number_occurs_is_classified(classifier: Classifier) -> None:
    (found,) = classifier.classify([said("i called the wrong number on monday morning " * 3)])

    assert not found.abstained


def test_the_floor_raises_what_the_model_finds_low(classifier: Classifier) -> None:
    (found,) = classifier.classify([said("on monday", "yes", "I need you here now!")])

    priority = found.answers[-1]
    assert [each.label for each in priority.labels] == ["High"]
    assert (priority.raised_by, priority.evidence) == ("in_danger", (2,))
    assert priority.labels[0].confidence <= 0.5


def test_the_floor_never_lowers_and_names_its_rule_where_the_model_agrees(
    classifier: Classifier,
) -> None:
    """However unsure the model is: what a rule calls for is acted on."""
    sure, barely, without = classifier.classify(
        [
            said(f"{words} now")
            for words in ("seven seven i need you", "seven i need you", "seven seven")
        ]
    )

    priorities = [found.answers[-1] for found in (sure, barely, without)]
    assert [[each.label for each in one.labels] for one in priorities] == [["High"]] * 3
    assert [one.raised_by for one in priorities] == ["in_danger", "in_danger", ""]


def test_somebody_in_danger_is_heard_at_a_wrong_number_too(classifier: Classifier) -> None:
    (found,) = classifier.classify([said("wrong number but he has a knife")])

    assert not found.abstained
    assert found.answers[-1].raised_by == "in_danger"


def test_without_a_model_the_rules_still_raise(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(LABEL_SET)
    label_set = load_label_set(tmp_path / "tiny.toml")

    found = classify_by_rules(label_set, said("he has a knife", "", "in the film"), "no_model")

    (answer,) = found.answers
    assert (found.abstained, answer.raised_by, answer.evidence) == ("no_model", "in_danger", (0,))
    assert answer.labels[0].confidence == -1


def test_of_uncertain_calls_only_the_priority_is_said(tmp_path: Path) -> None:
    text = LABEL_SET.replace("min_words = 3", "min_words = 3\nmin_confidence = 0.8")
    classifier = Classifier.load(write_classifier(tmp_path, label_set=text))

    unsure, urgent, sure = classifier.classify(
        [said("um the week is"), said("seven seven um"), said("phone number phone")]
    )

    assert (unsure.abstained, urgent.abstained, sure.abstained) == ("uncertain", "uncertain", "")
    assert labels(unsure) == {"priority": ["Low"]}
    assert labels(urgent) == {"priority": ["High"]}


def test_a_model_whose_tasks_are_not_those_of_its_label_set_is_refused(tmp_path: Path) -> None:
    manifest = write_classifier(tmp_path)
    manifest.write_text(manifest.read_text().replace('"Day"', '"Night"'))

    with pytest.raises(ModelIntegrityError, match="not those of its label set"):
        Classifier.load(manifest)


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("temperatures", {"priority": 0.0}, "temperatures are over 0"),
        ("temperatures", {"priority": -1.0}, "temperatures are over 0"),
        ("temperatures", {"prio": 1.0}, "each of a task"),
        ("given_from", {"priority": {"High": 75.0}}, "holds probabilities"),
        ("given_from", {"sub": {"Phone": 0.5}}, "of ranked tasks alone"),
        ("given_from", {"flags": {"Polite": 0.5}}, "of ranked tasks alone"),
    ],
)
def test_a_calibration_that_no_answer_could_follow_is_refused(
    field: str, value: object, problem: str, tmp_path: Path
) -> None:
    path = write_classifier(tmp_path)
    manifest = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode(manifest | {field: value}))

    with pytest.raises(ModelIntegrityError, match=problem):
        Classifier.load(path)


CHINESE = "\u4f60\u597d \u6211\u7684 \u5361 \u4e22\u4e86"
RUSSIAN = "\u044f \u043f\u043e\u0442\u0435\u0440\u044f\u043b \u043a\u0430\u0440\u0442\u0443 monday"


@pytest.mark.parametrize("text", [CHINESE, RUSSIAN])
def test_letters_that_the_model_does_not_know_are_another_language(
    classifier: Classifier, text: str
) -> None:
    other, danger, named = classifier.classify(
        [said(text), said(text, "", "he has a knife"), said(f"monday noon for {text[:2]} please")]
    )

    assert (other.abstained, other.answers, other.windows) == ("language", (), 0)
    assert danger.answers[-1].raised_by == "in_danger"
    assert not named.abstained

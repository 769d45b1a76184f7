from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from models.classification.label_set import Label, LabelSet, Task, load_label_set
from training.classification.sources.intents import FOLDER, IntentMap
from training.classification.sources.labels import named_labels
from training.core.errors import MissingDataError, RecipeError

_SHARED = tomllib.loads((Path(__file__).parent / "shared_intents.toml").read_text("utf-8"))
_SMALL = LabelSet(
    name="small",
    version=1,
    title="Small",
    tasks=(
        Task("main", "Main", (Label("Money", ""), Label("Talk", ""))),
        Task(
            "sub",
            "Sub",
            (
                Label("Refund", "", parent="Money", spellings=("money back",)),
                Label("Joke", "", parent="Talk"),
            ),
            parent="main",
        ),
        Task("tags", "Tags", (Label("loud", ""), Label("long", "")), mode="multi"),
    ),
)


@pytest.fixture(scope="module")
def contact_centre() -> LabelSet:
    return load_label_set("contact-centre")


@pytest.fixture(scope="module")
def intents(contact_centre: LabelSet) -> IntentMap:
    return IntentMap("contact_centre_intents", contact_centre)


@pytest.mark.parametrize("name", _SHARED)
def test_every_intent_of_the_shared_sets_has_a_place_in_the_label_set(
    name: str, intents: IntentMap, contact_centre: LabelSet
) -> None:
    tasks = {task.name for task in contact_centre.tasks}
    labels = {intent: intents.labels(name, intent) for intent in _SHARED[name]}

    assert sorted(intents.intents(name)) == _SHARED[name]
    assert {
        intent for intent, found in labels.items() if found.keys() not in (tasks, set())
    } == set()


def test_only_dialogue_acts_and_what_is_out_of_scope_have_no_label(intents: IntentMap) -> None:
    without = {
        f"{name}/{intent}".rpartition("/")[2]
        for name in _SHARED
        for intent in _SHARED[name]
        if not intents.label(name, intent)
    }

    assert without == {
        "openinggreeting",
        "closinggreeting",
        "thankyou",
        "confirmation",
        "rejection",
        "contentonly",
        "outofdomain",
        "oos",
    }


def test_every_sub_category_says_what_follows(contact_centre: LabelSet) -> None:
    content = tomllib.loads((FOLDER / "contact_centre_intents.toml").read_text("utf-8"))

    assert set(content["follows"]) == set(contact_centre.task("sub_category").names)


def test_an_intent_brings_the_labels_of_all_tasks(intents: IntentMap) -> None:
    """Those that follow from the sub-category, and its own where it differs."""
    labels = intents.labels("banking77", "card_swallowed")

    assert labels == {
        "main_category": ("Payments and Transfers",),
        "sub_category": ("Cash Withdrawal Problem",),
        "intervention": ("Follow-up Required",),
        "priority": ("High",),
    }
    assert intents.labels("clinc150", "oos") == {}


def test_an_intent_that_the_file_does_not_have_is_named(intents: IntentMap) -> None:
    with pytest.raises(MissingDataError, match=r"contact_centre_intents.*'teleport' of 'sgd'"):
        intents.labels("sgd", "teleport")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('task = "sub"\n[follows]\n[sets.a]\nx = "Taxes"', "'Taxes' is no label of 'sub'"),
        ('task = "sub"\n[follows.Joke]\nmain = "Money"\n[sets.a]\nx = "Joke"', "belongs to 'Talk'"),
        ('task = "sub"\n[follows]\n[sets.a]\nx = 3', "cannot be read"),
        ("task = ", "cannot be read"),
    ],
)
def test_a_file_of_intents_that_is_wrong_is_refused(
    content: str, complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "own.toml"
    path.write_text(content)

    with pytest.raises(RecipeError, match=complaint):
        IntentMap(str(path), _SMALL)


def test_labels_are_found_by_any_spelling_and_bring_their_parents() -> None:
    given = {"sub": "Money-Back", "tags": ["LOUD", "long", "loud"]}

    assert named_labels(_SMALL, given, "call 1") == {
        "main": ("Money",),
        "sub": ("Refund",),
        "tags": ("loud", "long"),
    }
    assert named_labels(_SMALL, {"sub": "", "tags": []}, "call 1") == {"tags": ()}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"sub": "Tax"}, "'Tax' is no label of 'sub'; labels: Refund, Joke"),
        ({"mood": "bad"}, "the tasks are main, sub, tags, without mood"),
        ({"main": ["Money", "Talk"]}, "'main' has one label, not 2"),
        ({"main": "Talk", "sub": "Refund"}, "'Refund' belongs to 'Money', not to 'Talk'"),
    ],
)
def test_labels_that_do_not_fit_say_where_they_stand(given: dict[str, str], complaint: str) -> None:
    with pytest.raises(MissingDataError, match=f"call 7: {complaint}"):
        named_labels(_SMALL, given, "call 7")

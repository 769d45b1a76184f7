"""The label sets that ship."""

from __future__ import annotations

import pytest

from models.classification.label_set import LabelSet, bundled_label_sets, load_label_set
from models.text.spoken_form import spoken_form


@pytest.mark.parametrize("name", bundled_label_sets())
def test_every_bundled_label_set_is_sound_and_every_label_is_defined(name: str) -> None:
    label_set = load_label_set(name)

    assert label_set.name == name
    for task in label_set.tasks:
        for label in task.labels:
            assert task.label_of(label.name) == label.name
            if task.name != "priority":
                assert len(label.definition.split()) >= 2, label.name
    for phrases in _phrases(label_set):
        assert len(set(phrases)) == len(phrases), phrases
        for phrase in phrases:
            assert spoken_form(phrase.replace("*", " ")) == " ".join(
                phrase.replace("*", " ").split()
            ), f"{phrase!r} can never be found"


def _phrases(label_set: LabelSet) -> list[tuple[str, ...]]:
    return [
        *(rule.phrases for rule in label_set.floor),
        *(rule.unless for rule in label_set.floor),
        *(rule.phrases for rule in label_set.abstentions),
    ]


def test_the_helpline_has_the_four_tasks_of_its_case_form() -> None:
    label_set = load_label_set("helpline")
    sizes = {task.name: len(task.labels) for task in label_set.tasks}

    assert sizes.pop("sub_category") >= 50
    assert sizes == {"main_category": 7, "intervention": 4, "priority": 3}
    assert label_set.languages == ("en",)


@pytest.mark.parametrize(
    ("sub_category", "main_category"),
    [
        ("Adoption", "Child Maintenance & Custody"),
        ("Albinism", "Disability"),
        ("Balanced Diet", "Nutrition"),
        ("Birth Registration", "Information"),
        ("Breast Feeding", "Nutrition"),
        ("Bullying", "Advice and Counselling"),
        ("Child Labor", "VANE"),
        ("Malnutrition", "Nutrition"),
    ],
)
def test_known_sub_categories_of_the_helpline_belong_to_their_main_category(
    sub_category: str, main_category: str
) -> None:
    labels = load_label_set("helpline").task("sub_category").labels

    assert [label.parent for label in labels if label.name == sub_category] == [main_category]


def test_every_main_category_of_the_helpline_has_several_sub_categories() -> None:
    label_set = load_label_set("helpline")
    parents = label_set.parents(label_set.task("sub_category"))

    assert min(parents.count(index) for index in range(7)) >= 7


@pytest.mark.parametrize(
    ("task", "written", "name"),
    [
        ("priority", "1", "Low"),
        ("priority", "3", "High"),
        ("intervention", "Counseling", "Counselling"),
        ("main_category", "child maintenance and custody", "Child Maintenance & Custody"),
        ("sub_category", "Child Labour", "Child Labor"),
        ("sub_category", "self-harm", "Suicidal Thoughts and Self-Harm"),
    ],
)
def test_other_spellings_of_the_helpline_are_understood(task: str, written: str, name: str) -> None:
    assert load_label_set("helpline").task(task).label_of(written) == name

"""The label set for general customer service, as it ships."""

from __future__ import annotations

import pytest

from models.classification.label_set import LabelSet, load_label_set


@pytest.fixture(scope="module")
def labels() -> LabelSet:
    return load_label_set("contact-centre")


def test_there_are_as_many_categories_as_an_agent_can_overlook(labels: LabelSet) -> None:
    assert 7 <= len(labels.task("main_category").names) <= 10
    assert 50 <= len(labels.task("sub_category").names) <= 90


def test_every_label_says_when_it_holds(labels: LabelSet) -> None:
    """Similarity of texts, and people, go by the definitions."""
    definitions = [label.definition for task in labels.tasks for label in task.labels]

    assert all(len(definition.split()) >= 3 for definition in definitions)
    assert len(set(definitions)) == len(definitions)


def test_the_safety_floor_raises_to_high_in_every_emergency(labels: LabelSet) -> None:
    assert {rule.name for rule in labels.floor} == {
        "fraud_under_way",
        "card_stolen",
        "threat",
        "self_harm",
        "medical_emergency",
        "gas_leak",
    }
    assert {(rule.task, rule.label) for rule in labels.floor} == {("priority", "High")}


@pytest.mark.parametrize(
    ("parties", "read"),
    [
        (["agent", "customer", "unknown", "customer"], [1, 3]),
        (["agent", "unknown"], [0, 1]),
        ([], []),
    ],
)
def test_customers_are_read_where_there_are_any(
    parties: list[str], read: list[int], labels: LabelSet
) -> None:
    """A transcript that does not say who speaks is read whole."""
    assert labels.classified(parties) == read

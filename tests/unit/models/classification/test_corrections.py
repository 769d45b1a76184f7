"""Which corrections of a call hold."""

from __future__ import annotations

from models.classification.corrections import labels_of, latest_corrections
from tests.support.models.classified_calls import SHOP, corrected


def test_the_latest_correction_of_each_task_holds() -> None:
    found = latest_corrections(
        [
            corrected("a", "subject", "Late"),
            corrected("a", "urgency", "High"),
            corrected("b", "subject", "Refund"),
            corrected("a", "subject", "Broken", said=("Late",)),
        ],
        SHOP,
    )

    assert labels_of(found.calls["a"], SHOP) == {
        "area": ("Goods",),
        "subject": ("Broken",),
        "urgency": ("High",),
    }
    assert found.calls["a"]["subject"].said == ("Late",)
    assert labels_of(found.calls["b"], SHOP) == {"area": ("Money",), "subject": ("Refund",)}
    assert found.unusable == {}


def test_labels_are_named_as_the_label_set_names_them() -> None:
    """Whichever of its spellings a person used."""
    found = latest_corrections([corrected("a", "subject", "DEFECT")], SHOP)

    assert found.calls["a"]["subject"].labels == ("Broken",)


def test_that_no_label_holds_takes_back_what_was_said_before() -> None:
    messages = [corrected("a", "moods", "Angry", "Sad"), corrected("a", "moods")]

    assert labels_of(latest_corrections(messages[:1], SHOP).calls["a"], SHOP) == {
        "moods": ("Angry", "Sad")
    }
    assert labels_of(latest_corrections(messages, SHOP).calls["a"], SHOP) == {"moods": ()}


def test_of_a_label_and_a_parent_that_contradict_the_later_one_holds() -> None:
    area, subject = corrected("a", "area", "Money"), corrected("a", "subject", "Late")

    child_last = latest_corrections([area, subject], SHOP)
    parent_last = latest_corrections([subject, area], SHOP)

    assert labels_of(child_last.calls["a"], SHOP) == {"area": ("Goods",), "subject": ("Late",)}
    assert labels_of(parent_last.calls["a"], SHOP) == {"area": ("Money",)}
    assert parent_last.unusable == {"contradicted by a later one": 1}


def test_what_the_label_set_does_not_have_is_counted_and_left_out() -> None:
    """Also two labels of a task that has one."""
    found = latest_corrections(
        [
            corrected("a", "subject", "Stolen"),
            corrected("a", "weather", "Rain"),
            corrected("a", "subject", "Late", "Broken"),
        ],
        SHOP,
    )

    assert (found.calls, found.unusable) == ({}, {"unknown task or label": 3})


def test_corrections_of_other_label_sets_are_not_looked_at() -> None:
    """One that names the version too is of this one."""
    messages = [
        corrected("a", "subject", "Late", label_set="helpline"),
        corrected("b", "subject", "Late", label_set="shop-2"),
    ]

    found = latest_corrections(messages, SHOP)

    assert (list(found.calls), found.unusable) == (["b"], {})

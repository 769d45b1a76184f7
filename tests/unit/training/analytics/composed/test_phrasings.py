"""Every phrasing belongs to one split, whatever is written later."""

from __future__ import annotations

import random

import pytest

from models.analytics.guide import load_guide
from models.text.spoken_form import spoken_form
from training.analytics.composed.content import KINDS, all_phrasings, content_of
from training.analytics.composed.people import context_of, slots_of_call
from training.analytics.composed.phrasings import of_split, split_of_name
from training.core.errors import MissingDataError
from training.core.splits import SPLITS, Split
from training.text.phrasings import slots_of

_SHORT = 4  # words: "Hello? // Yes." may be said in any split


def _said(split: Split) -> set[str]:
    """Return what is said in a split, part by part, without what fills the gaps."""
    parts = {
        part
        for written in all_phrasings(split)
        for apart in written.split(" | ")[:1]
        for part in apart.split(" // ")
    }
    spoken = {spoken_form(part) for part in parts}
    return {text for text in spoken if len(text.split()) >= _SHORT}


def test_no_phrasing_is_in_two_splits() -> None:
    """Not in other capitals or punctuation either, nor as a part of an exchange."""
    said = [_said(split) for split in SPLITS]

    assert min(len(each) for each in said) > 300
    assert [said[a] & said[b] for a, b in ((0, 1), (0, 2), (1, 2))] == [set(), set(), set()]


def test_half_of_the_phrasings_is_for_training_and_a_quarter_for_each_other_split() -> None:
    train, validation, test = (len(all_phrasings(split)) for split in SPLITS)

    assert train == 2 * validation == 2 * test


def test_phrasings_keep_their_split_when_others_are_appended() -> None:
    first = [f"phrasing {number}" for number in range(12)]
    longer = [*first, "a", "b", "c", "d"]

    for split in SPLITS:
        assert of_split(longer, split)[: len(of_split(first, split))] == of_split(first, split)


def test_a_list_that_cannot_be_divided_is_an_error_that_says_so() -> None:
    with pytest.raises(MissingDataError, match="'last one' has 5: write a multiple of 4"):
        of_split(["a", "b", "c", "d", "last one"], "train")


def test_names_are_spread_over_the_splits_as_phrasings_are() -> None:
    splits = [split_of_name(f"dialogue {number}") for number in range(2_000)]

    shares = [splits.count(split) / len(splits) for split in SPLITS]
    assert shares == pytest.approx([0.5, 0.25, 0.25], abs=0.04)


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_can_speak_of_every_category_and_kind(split: Split) -> None:
    categories = content_of(split).categories

    assert {each.name for each in categories} == set(load_guide("contact-centre").categories)
    for category in categories:
        assert {problem.kind for problem in category.problems} == set(KINDS), category.name


@pytest.mark.parametrize("split", SPLITS)
def test_every_gap_of_a_phrasing_can_be_filled(split: Split) -> None:
    draw = random.Random(1)
    slots = slots_of_call(("Harbor Bank",), "your card", context_of(draw), draw)

    assert {slot for text in all_phrasings(split) for slot in slots_of(text)} <= slots.keys()


@pytest.mark.parametrize(
    ("gist", "mine"),
    [
        ("your lost card", "my lost card"),
        ("how the crew treated you", "how the crew treated me"),
        ("the parcel you don't have", "the parcel I don't have"),
        ("how the driver spoke to you", "how the driver spoke to me"),
    ],
)
def test_customers_call_their_matter_their_own(gist: str, mine: str) -> None:
    draw = random.Random(1)

    assert slots_of_call(("Harbor Bank",), gist, context_of(draw), draw)["mine"] == mine

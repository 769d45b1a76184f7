from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.models.labelled_calls import row
from training.classification.corpus.splitting import group_rows
from training.core.errors import RecipeError
from training.core.splits import Shares, Unsplit, assign_splits

_SHARES = {"mine": Shares(test=0.2, validation=0.1)}
_LABELS = st.sampled_from(["Refund", "Weather", "Music", ""])
_GROUPS = st.dictionaries(
    st.text(min_size=1, max_size=6),
    st.builds(
        Unsplit,
        source=st.just("mine"),
        label=_LABELS,
        pinned=st.sampled_from([None, None, None, "test", "train"]),
    ),
    max_size=80,
)


@given(groups=_GROUPS, seed=st.integers(0, 9))
def test_every_group_has_one_split_and_a_pinned_one_its_own(
    groups: dict[str, Unsplit], seed: int
) -> None:
    splits = assign_splits(groups, _SHARES, seed)

    assert splits.keys() == groups.keys()
    assert all(splits[name] == one.pinned for name, one in groups.items() if one.pinned)


@given(groups=_GROUPS, draw=st.randoms(use_true_random=False))
def test_the_order_in_which_groups_are_read_does_not_matter(
    groups: dict[str, Unsplit], draw: object
) -> None:
    names = list(groups)
    draw.shuffle(names)  # type: ignore[attr-defined]
    shuffled = {name: groups[name] for name in names}

    assert assign_splits(shuffled, _SHARES, 1) == assign_splits(groups, _SHARES, 1)


@given(sizes=st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 60), min_size=1))
def test_every_label_is_divided_by_the_shares(sizes: dict[str, int]) -> None:
    """To half a row; labels too rare for a test row are divided together."""
    groups = {
        f"{label}{index}": Unsplit("mine", label, None)
        for label, size in sizes.items()
        for index in range(size)
    }
    splits = assign_splits(groups, _SHARES, 3)

    tested = Counter(groups[name].label for name, split in splits.items() if split == "test")
    rare = {label for label, size in sizes.items() if size < 10}
    for label in sizes.keys() - rare:
        assert abs(tested[label] - 0.2 * sizes[label]) <= 0.5
    together = sum(sizes[label] for label in rare)
    assert abs(sum(tested[label] for label in rare) - 0.2 * together) <= 0.5


def test_another_seed_tests_on_other_groups() -> None:
    groups = {str(index): Unsplit("mine", "Refund", None) for index in range(100)}

    first, second = (assign_splits(groups, _SHARES, seed) for seed in (1, 2))

    assert first != second
    assert Counter(first.values()) == {"test": 20, "validation": 10, "train": 70}


def test_the_first_row_of_a_group_says_what_it_is() -> None:
    rows = [(row("a", group="g"), None), (row("b", group="g", source="x", label="Music"), None)]

    assert group_rows(rows, "sub_category") == {"g": Unsplit("mine", "Refund", None)}


def test_a_group_that_two_sources_put_into_different_splits_is_refused() -> None:
    rows = [(row("a", group="g"), None), (row("b", group="g", source="whole"), "test")]

    with pytest.raises(RecipeError, match=r"'g' is in mine \(by shares\) and in whole \(test\)"):
        group_rows(rows, "sub_category")  # type: ignore[arg-type]

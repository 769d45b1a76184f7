from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.classification.label_set import load_label_set
from models.text.spoken_form import spoken_form
from tests.support.models.labelled_calls import row
from training.classification.corpus.contradictions import drop_contradicted, find_contradictions
from training.classification.corpus.leaks import find_leaks, refuse_leaks
from training.classification.corpus.rows import SPLITS, RowTurn
from training.core.errors import LeakingSplitsError
from training.text.repeats import drop_copies, drop_near_copies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.classification.corpus.rows import Row, Split

_CONTACT_CENTRE = load_label_set("contact-centre")
_WORDS = st.sampled_from("my card was stolen at noon Card's 2 two".split())
_TEXTS = st.lists(_WORDS, min_size=1, max_size=5).map(" ".join)
_SPLIT_TEXTS = st.fixed_dictionaries(
    {split: st.lists(_TEXTS, max_size=12) for split in SPLITS}
)  # few words, so that many are the same


def _rows(texts: dict[Split, list[str]]) -> dict[Split, list[Row]]:
    return {
        split: [row(text, name=f"{split}/{index}") for index, text in enumerate(of_split)]
        for split, of_split in texts.items()
    }


def _spoken(rows: dict[Split, list[Row]]) -> dict[str, str]:
    return {
        one.id: spoken_form(one.turns[0].text) for of_split in rows.values() for one in of_split
    }


def _ids(rows: dict[Split, Sequence[Row]] | dict[Split, list[Row]]) -> dict[Split, list[str]]:
    return {split: [one.id for one in of_split] for split, of_split in rows.items()}


@given(texts=_SPLIT_TEXTS)
def test_no_text_is_left_twice_and_none_is_lost(texts: dict[Split, list[str]]) -> None:
    rows = _rows(texts)
    spoken = _spoken(rows)

    kept = drop_copies(rows, spoken)

    left = [spoken[one.id] for of_split in kept.values() for one in of_split]
    assert sorted(left) == sorted(set(spoken.values()))
    assert find_leaks(kept, _CONTACT_CENTRE) == []
    tested = {spoken[one.id] for one in rows["test"]}
    assert {spoken[one.id] for one in kept["test"]} == tested


@given(texts=_SPLIT_TEXTS)
def test_the_check_finds_a_text_in_two_splits_whenever_there_is_one(
    texts: dict[Split, list[str]],
) -> None:
    rows = _rows(texts)
    forms = [{spoken_form(text) for text in texts[split]} for split in SPLITS]
    shared = (forms[0] & forms[1]) | (forms[0] & forms[2]) | (forms[1] & forms[2])

    assert len(find_leaks(rows, _CONTACT_CENTRE)) == len(shared)


@given(groups=st.lists(st.tuples(st.sampled_from(SPLITS), st.integers(0, 9)), max_size=20))
def test_the_check_finds_a_group_in_two_splits_whenever_there_is_one(
    groups: list[tuple[Split, int]],
) -> None:
    rows: dict[Split, list[Row]] = {split: [] for split in SPLITS}
    for index, (split, group) in enumerate(groups):
        rows[split].append(row("word " * (index + 1), name=str(index), group=str(group)))
    several = {g for s, g in groups if any(g == other and s != t for t, other in groups)}

    assert len(find_leaks(rows, _CONTACT_CENTRE)) == len(several)


def test_a_leak_is_one_error_that_names_rows_but_no_text() -> None:
    rows: dict[Split, list[Row]] = {
        "train": [row(f"Sentence {index}!", name=f"a{index}") for index in range(5)],
        "validation": [],
        "test": [row(f"sentence {index}", name=f"b{index}") for index in range(5)],
    }

    with pytest.raises(LeakingSplitsError) as caught:
        refuse_leaks(rows, _CONTACT_CENTRE)

    message = str(caught.value)
    assert "the same text in train (a0) and test (b0)" in message
    assert "and 2 more" in message
    assert "entence" not in message


def test_only_what_is_classified_can_leak() -> None:
    """All agents say the same."""
    greeting = RowTurn("agent", "How can I help?")
    rows = _rows({"train": ["my card is lost"], "validation": [], "test": ["where is it"]})
    with_agent: dict[Split, list[Row]] = {
        split: [
            type(one)(one.id, one.source, one.group, (greeting, *one.turns), one.labels)
            for one in of_split
        ]
        for split, of_split in rows.items()
    }

    refuse_leaks(with_agent, _CONTACT_CENTRE)


def test_a_training_row_that_resembles_a_later_row_is_left_out() -> None:
    """What is tested on stays."""
    asked = "could you tell me when the card that i ordered last week will be here"
    rows: dict[Split, list[Row]] = {
        "train": [row(asked + " please"), row("an altogether different matter")],
        "validation": [row(asked + " then")],
        "test": [row(asked)],
    }

    kept = drop_near_copies(rows, _spoken(rows), 0.8)

    assert _ids(kept) == {
        "train": ["an altogether different matter"],
        "validation": [],
        "test": [asked],
    }


def test_rows_that_contradict_one_another_are_all_left_out() -> None:
    rows: dict[Split, list[Row]] = {
        "train": [row("It's gone!", name="a"), row("it is fine", name="b")],
        "validation": [],
        "test": [row("it's gone", name="c", label="Music"), row("It is fine", name="d")],
    }
    spoken = _spoken(rows)

    found = find_contradictions(rows, spoken)
    kept = drop_contradicted(rows, spoken, found)

    assert [(one.task, one.text) for one in found] == [("sub_category", "it's gone")]
    assert found[0].labels == {"Refund": ("a",), "Music": ("c",)}
    assert _ids(kept) == {"train": ["b"], "validation": [], "test": ["d"]}

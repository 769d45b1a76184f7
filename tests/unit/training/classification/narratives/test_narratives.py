"""What the generator of helpline calls promises: every label, no phrasing in two splits."""

from __future__ import annotations

import random
import shutil
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from models.classification.label_set import LabelSet, load_label_set
from models.text.spoken_form import spoken_form
from training.classification.corpus.rows import SPLITS, Row, RowTurn, Split
from training.classification.narratives import generator, topics
from training.classification.narratives.content import Content, content_of, whole_content
from training.classification.narratives.generator import generate
from training.classification.narratives.heard import HearingNoise, heard, similar_words
from training.classification.narratives.people import all_names
from training.classification.narratives.phrasings import of_split, split_of
from training.classification.narratives.topics import all_topics
from training.classification.sources.protocol import Found, Reading
from training.classification.sources.readers import read_source
from training.classification.sources.recipe import Source
from training.core.errors import MissingDataError, RecipeError
from training.text.phrasings import filled, slots_of
from training.text.spoken_words import split_sentences

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROWS = 1200
_SHORT = 5  # words: "She is one year old" may be said in any split


@pytest.fixture(scope="module")
def labels() -> LabelSet:
    return load_label_set("helpline")


def _read(labels: LabelSet, rows: int, seed: int = 3) -> list[Found]:
    source = Source(kind="narratives", rows=rows)
    return list(read_source(Reading("narratives", source, Path("nowhere"), labels, seed)))


@pytest.fixture(scope="module")
def found(labels: LabelSet) -> list[Found]:
    return _read(labels, _ROWS)


def _rows(found: list[Found], split: Split) -> list[Row]:
    return [each.row for each in found if each.split == split]


def _written(split: Split) -> set[str]:
    """Return everything that is written for a split, in spoken form."""
    texts = set(_strings(msgspec.to_builtins(content_of(split))))
    for topic in all_topics():
        texts |= {*of_split(topic.gists, split), *of_split(topic.facts, split)}
        for situation in topic.situations_of(split):
            texts |= {situation.core, *situation.details}
    return {spoken_form(text) for text in texts} - _shared()


def _shared() -> set[str]:
    services = whole_content().actions.services.values()
    return {spoken_form(text) for names in services for text in names}


def _strings(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for each in node.values():
            yield from _strings(each)
    elif isinstance(node, list | tuple):
        for each in node:
            yield from _strings(each)


@pytest.mark.parametrize("split", SPLITS)
def test_every_label_of_every_task_occurs_in_every_split(
    labels: LabelSet, found: list[Found], split: Split
) -> None:
    rows = _rows(found, split)

    for task in labels.tasks:
        said = {label for row in rows for label in row.labels.get(task.name, ())}
        assert said == set(task.names)


def test_every_sub_category_comes_as_often(found: list[Found]) -> None:
    counts = Counter(
        row.labels["sub_category"] for row in _rows(found, "train") if row.labels
    ).values()

    assert max(counts) - min(counts) <= 1


def test_the_same_seed_gives_the_same_rows_and_another_one_others(labels: LabelSet) -> None:
    assert _read(labels, 80) == _read(labels, 80)
    assert _read(labels, 80) != _read(labels, 80, seed=4)


def test_more_rows_leave_those_before_them_as_they_were(labels: LabelSet) -> None:
    few, many = (_rows(_read(labels, count), "train") for count in (80, 120))

    assert {row.id: row for row in few}.items() <= {row.id: row for row in many}.items()


def test_no_phrasing_is_written_for_two_splits() -> None:
    seen: dict[str, set[Split]] = defaultdict(set)
    for split in SPLITS:
        for text in _written(split):
            seen[text].add(split)

    crossing = [text for text, splits in seen.items() if len(splits) > 1]
    assert [text for text in crossing if len(text.split()) > _SHORT] == []


def test_no_sentence_that_was_trained_on_is_tested_on(found: list[Found]) -> None:
    train = {sentence for row in _rows(found, "train") for sentence in _sentences(row)}
    for split in ("validation", "test"):
        later = [text for row in _rows(found, split) for text in _sentences(row)]
        both = {text for text in later if text in train and len(text.split()) > _SHORT}
        assert both == set()


def _sentences(row: Row) -> Iterator[str]:
    if row.provenance.get("heard") == "no":
        for turn in row.turns:
            yield from map(spoken_form, split_sentences(turn.text))


def test_a_family_is_in_one_split_and_named_by_the_group(found: list[Found]) -> None:
    splits = defaultdict(set)
    for each in found:
        splits[each.row.group].add(each.split)
        if each.row.labels:
            assert each.row.group.endswith(each.row.provenance["situation"])

    assert all(len(those) == 1 for those in splits.values())


def test_rows_are_marked_as_synthetic_and_as_long_as_calls_are(found: list[Found]) -> None:
    lengths = [len(_text(each.row).split()) for each in found if each.row.labels]

    assert all(each.row.is_synthetic for each in found)
    assert min(lengths) >= 5
    assert max(lengths) <= 420
    assert sum(length > 100 for length in lengths) > len(lengths) / 4  # many are notes


def _text(row: Row) -> str:
    return " ".join(turn.text for turn in row.turns)


def test_calls_that_no_label_fits_say_why(found: list[Found]) -> None:
    reasons = {each.row.provenance.get("abstain") for each in found if not each.row.labels}

    assert reasons == {"wrong_number", "prank", "silent"}


def test_no_slot_or_choice_stays_open(found: list[Found]) -> None:
    assert [_text(each.row) for each in found if set(_text(each.row)) & set("<>{}|")] == []


def test_every_phrasing_uses_slots_that_there_are() -> None:
    known = {"agent", "place", "caller", "name", "he", "him", "his", "himself", "child", "age"}
    known |= {"age_only", "aged", "next_age", "service", "fact", "gist"}
    texts = set(_strings(msgspec.to_builtins(whole_content()))) | {
        text
        for topic in all_topics()
        for each in (*topic.situations, *topic.further, *topic.unseen)
        for text in (each.core, *each.details)
    }

    assert {slot for text in texts for slot in slots_of(text)} <= known


def test_a_sub_category_without_narratives_is_refused() -> None:
    with pytest.raises(RecipeError, match="no narratives for Unheard Of"):
        list(generate({"Unheard Of": "VANE"}, rows=1, seed=1, forms={}))


def test_the_recipe_decides_the_forms_of_training_calls_alone(labels: LabelSet) -> None:
    source = Source(kind="narratives", rows=300, forms={"note": 1})
    found = list(read_source(Reading("narratives", source, Path("nowhere"), labels, 3)))

    forms = {split: {row.provenance.get("form") for row in _rows(found, split)} for split in SPLITS}
    assert forms["train"] == {"note", None}  # without a form: no call that a label fits
    assert "dialogue" in forms["test"]


def test_a_situation_alone_has_nothing_said_around_it(labels: LabelSet) -> None:
    source = Source(kind="narratives", rows=300, forms={"situation": 1})
    found = list(read_source(Reading("narratives", source, Path("nowhere"), labels, 3)))
    situations = {
        each.family: each for topic in all_topics() for each in topic.situations_of("train")
    }

    rows = [row for row in _rows(found, "train") if row.labels]
    for row in rows:
        situation = situations[row.provenance["situation"]]
        told = (situation.core, *situation.details)
        assert {turn.party for turn in row.turns} == {"unknown"}
        assert len(_text(row).split()) <= sum(len(text.split()) for text in told) + 12  # of slots
        assert "intervention" not in row.labels
        assert ("priority" in row.labels) == (len(situation.priorities) == 1)
    assert len(rows) == 300


def test_every_situation_comes_before_one_comes_again(labels: LabelSet) -> None:
    further = {each.family for topic in all_topics() for each in topic.further}
    mains = {label.name: label.parent for label in labels.task("sub_category").labels}

    told = Counter(
        each.provenance["situation"]
        for each in generate(mains, 70 * 30, seed=5, forms={"situation": 1})
        if each.split == "train" and each.sub_category
    )

    assert set(told.values()) == {1}
    assert len(told) == 70 * 30
    assert set(told) & further


def test_validation_and_test_do_not_grow_without_end(
    labels: LabelSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator, "_MOST_LATER", 20)

    found = Counter(each.split for each in _read(labels, 600))

    assert (found["validation"], found["test"]) == (20, 20)


def test_unseen_situations_are_for_validation_and_test_by_turns() -> None:
    for topic in all_topics():
        families = {split: {each.family for each in topic.situations_of(split)} for split in SPLITS}
        assert {each.family for each in topic.unseen[::2]} <= families["validation"]
        assert {each.family for each in topic.unseen[1::2]} <= families["test"]
        assert {each.family for each in topic.further} <= families["train"]
        assert len(topic.unseen) >= 12


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("[Bullying]\nchild/M: They took my shoes.\n[Bulying]\nchild/M: Again.\n", "'?Bulying"),
        ("child/M: They took my shoes.\n[Bullying]\n", "no topic"),
        ("[Bullying]\nchild: They took my shoes.\n", "the situation Bullying/further/00 is not"),
    ],
)
def test_further_situations_of_no_topic_or_form_are_refused(
    written: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(topics.CONTENT / "topics", tmp_path / "topics")
    (tmp_path / "further").mkdir()
    (tmp_path / "further" / "more.txt").write_text(written)
    monkeypatch.setattr(topics, "CONTENT", tmp_path)

    with pytest.raises(MissingDataError, match=fault):
        all_topics.__wrapped__()


def test_every_topic_has_enough_phrasings_and_circumstances() -> None:
    content: Content = whole_content()
    for topic in all_topics():
        assert len(topic.situations_of("train")) >= 12
        assert topic.services in content.actions.services
        assert {topic.concern, topic.urgent} <= content.circumstances.high.keys()
        assert topic.concern in content.circumstances.medium
        assert topic.concern in content.circumstances.low


@pytest.mark.parametrize("count", [3, 6, 7, 8, 21, 30])
def test_every_list_has_phrasings_for_every_split(count: int) -> None:
    assert {split_of(index, count) for index in range(count)} == set(SPLITS)


def test_a_phrasing_is_filled_by_choices_and_slots() -> None:
    said = filled(
        "{My|My} son <name> is a <age_only> year old",
        {"name": "Ali", "age_only": "8"},
        random.Random(1),
    )

    assert said == "My son Ali is an 8 year old"


def test_noise_keeps_who_speaks_and_most_of_what_is_said() -> None:
    turns = [RowTurn("customer", "My son, Ali, is 8. He lost weight!"), RowTurn("agent", "Okay.")]
    calm = HearingNoise(drop=0, replace=0, alike=0, double=0, join=0)
    similar = similar_words(["my sun ali is eight he lost weight"])

    assert heard(turns, calm, similar, random.Random(1)) == (
        RowTurn("customer", "my son ali is eight he lost weight"),
        RowTurn("agent", "okay"),
    )
    wrong = heard(turns, HearingNoise(alike=1.0, replace=0, drop=0), similar, random.Random(1))
    assert wrong[0].text == "my sun ali is ate he lost wait"


def test_noise_changes_no_label(found: list[Found]) -> None:
    noisy = [each.row for each in found if each.row.provenance.get("heard") == "yes"]

    assert len(noisy) > len(found) / 5
    for row in noisy:
        assert all(text == spoken_form(text) for text in (turn.text for turn in row.turns))
        topic, _, _ = row.provenance["situation"].partition("/")
        assert row.labels["sub_category"] == (topic,)


def test_no_name_is_that_of_a_girl_and_a_boy() -> None:
    names = all_names()

    assert len({*names.girls, *names.boys}) > 80
    assert not set(names.girls) & set(names.boys)

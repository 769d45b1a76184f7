"""What the reader of the synthetic helpline calls makes of their spans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from models.classification.label_set import LabelSet, load_label_set
from tests.support.models.turn_sources import write_rows
from training.classification.sources.helpline import incident_rules
from training.classification.sources.protocol import Found, Reading
from training.classification.sources.readers import read_source
from training.classification.sources.recipe import Source
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from pathlib import Path

_TEXT = "Hello, child helpline. There is bullying at my school. I also saw child labor. Goodbye."


@pytest.fixture(scope="module")
def labels() -> LabelSet:
    return load_label_set("helpline")


def _read(data: Path, labels: LabelSet, *calls: dict[str, Any]) -> list[Found]:
    write_rows(data / "set/calls.jsonl.gz", list(calls))
    source = Source(kind="helpline_calls", path="set")
    return list(read_source(Reading("synthetic", source, data, labels, seed=1)))


def _call(*incidents: str, text: str = _TEXT) -> dict[str, Any]:
    return {"text": text, "entities": [_span(text, incident) for incident in incidents]}


def _span(text: str, incident: str, label: str = "INCIDENT_TYPE") -> dict[str, Any]:
    start = text.index(incident)
    return {"start": start, "end": start + len(incident), "label": label}


def test_a_span_that_a_rule_knows_labels_the_sentences_of_a_call(
    labels: LabelSet, tmp_path: Path
) -> None:
    (found,) = _read(tmp_path, labels, _call("bullying"))

    assert found.row.labels == {
        "main_category": ("Advice and Counselling",),
        "sub_category": ("Bullying",),
    }
    assert [turn.party for turn in found.row.turns] == ["unknown"] * 4
    assert found.row.turns[1].text == "There is bullying at my school."
    assert found.row.is_synthetic
    assert found.row.provenance == {"set": "helpline_calls/0000", "incident": "bullying"}
    assert found.split is None


def test_calls_whose_spans_contradict_one_another_are_left_out(
    labels: LabelSet, tmp_path: Path
) -> None:
    assert _read(tmp_path, labels, _call("bullying", "child labor")) == []


def test_broken_spans_do_no_harm(labels: LabelSet, tmp_path: Path) -> None:
    broken = [
        {"start": start, "end": end, "label": "INCIDENT_TYPE"}
        for start, end in [(-5, 3), (9, 4), (7, 7), (80, 9_000), (33, 39)]
    ]
    other = _span(_TEXT, "child labor", label="NAME")
    call = {"text": _TEXT, "entities": [*broken, other, _span(_TEXT, "bullying")]}

    (found,) = _read(tmp_path, labels, call, {"text": _TEXT, "entities": broken})

    assert found.row.labels["sub_category"] == ("Bullying",)


def test_a_rule_may_ask_for_words_of_the_call_or_refuse_them(
    labels: LabelSet, tmp_path: Path
) -> None:
    """Alone, "abuse" says nothing about its kind."""
    vague = "There is abuse in my house. It is bad."
    beaten = "There is abuse in my house. My father hits me."
    both = "There is abuse in my house. My father hits me. It was sexual too."

    found = _read(tmp_path, labels, *(_call("abuse", text=text) for text in (vague, beaten, both)))

    assert [each.row.labels["sub_category"] for each in found] == [("Physical Abuse",)]


def test_the_same_text_is_one_group(labels: LabelSet, tmp_path: Path) -> None:
    first, second = _read(tmp_path, labels, _call("bullying"), _call("bullying"))

    assert first.row.group == second.row.group
    assert first.row.id != second.row.id


def test_every_rule_names_a_sub_category(labels: LabelSet) -> None:
    known = labels.task("sub_category").names

    assert {rule.sub_category for rule in incident_rules()} <= set(known)


def test_another_form_of_the_data_is_one_clear_error(labels: LabelSet, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="'synthetic'"):
        _read(tmp_path, labels, {"call": "no text"})

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from models.classification.label_set import LabelSet, load_label_set
from tests.support.classification.tiny import write_label_set
from tests.support.models.turn_sources import write_rows
from training.classification.corpus.rows import Row, RowTurn, spoken_text
from training.classification.sources.intents import FOLDER
from training.classification.sources.protocol import Found, Reading
from training.classification.sources.readers import read_source, source_files
from training.classification.sources.recipe import Source, SourceKind
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from pathlib import Path

_INTENTS = "contact_centre_intents"


@pytest.fixture(scope="module")
def labels() -> LabelSet:
    return load_label_set("contact-centre")


def _read(kind: SourceKind, data: Path, labels: LabelSet, **settings: Any) -> list[Found]:
    source = Source(kind=kind, path="set", intents=_INTENTS, **settings)
    return list(read_source(Reading("mine", source, data, labels, seed=1)))


def _calls(data: Path, file: str, labels: LabelSet, **settings: Any) -> list[Row]:
    source = Source(kind="calls", path=file, **settings)
    return [found.row for found in read_source(Reading("own", source, data, labels, seed=1))]


def _sub(row: Row) -> str:
    return row.labels["sub_category"][0]


def _texts(row: Row) -> list[str]:
    return [turn.text for turn in row.turns]


def test_a_question_is_a_row_with_its_words_as_they_were_written(
    labels: LabelSet, tmp_path: Path
) -> None:
    question = {"text": "Where's my CARD?", "category": "card_arrival"}
    write_rows(tmp_path / "set/train.jsonl.gz", [question])

    (found,) = _read("banking77", tmp_path, labels)

    assert found.split is None
    assert found.row == Row(
        id="banking77/00000",
        source="mine",
        group="banking77/00000",
        turns=(RowTurn("customer", "Where's my CARD?"),),
        labels={
            "main_category": ("Cards",),
            "sub_category": ("Card Delivery",),
            "intervention": ("Information Provided",),
            "priority": ("Medium",),
        },
        provenance={"set": "banking77", "intents": "card_arrival"},
    )


def test_the_validation_part_of_clinc150_is_tested_on(labels: LabelSet, tmp_path: Path) -> None:
    """What is out of its scope comes without labels."""
    parts = [("train", "weather"), ("val", "weather"), ("oos_train", "oos"), ("oos_val", "oos")]
    rows = [
        {"text": f"{index}", "intent": intent, "split": part, "domain": "x"}
        for index, (part, intent) in enumerate(parts)
    ]
    write_rows(tmp_path / "set/train.jsonl.gz", rows)

    found = _read("clinc150", tmp_path, labels)

    assert [one.split for one in found] == [None, "test", None, "test"]
    assert [bool(one.row.labels) for one in found] == [True, True, False, False]


def _dialogue(*turns: tuple[str, str, list[str]]) -> dict[str, Any]:
    return {
        "dialogue_id": "1_00000",
        "services": ["X"],
        "turns": [
            {"speaker": speaker, "utterance": text, "acts": [], "intents": intents}
            for speaker, text, intents in turns
        ],
    }


_TABLE = "I would like a table for two at six."
_CAB = "Then please send us a cab to the station."
_TWO_SUBJECTS = _dialogue(
    ("USER", _TABLE, ["ReserveRestaurant"]),
    ("SYSTEM", "Where?", []),
    ("USER", "At Oak's.", ["ReserveRestaurant"]),
    ("SYSTEM", "Done. It may rain.", []),
    ("USER", "Sounds good.", ["GetWeather"]),
    ("USER", _CAB, ["GetRide"]),
    ("SYSTEM", "Coming.", []),
    ("USER", "Thanks.", []),
)


def test_each_subject_of_a_dialogue_is_a_row_of_the_same_group(
    labels: LabelSet, tmp_path: Path
) -> None:
    """But for one that the customer says nothing about."""
    write_rows(tmp_path / "set/train.jsonl.gz", [_TWO_SUBJECTS])

    first, second = (found.row for found in _read("sgd", tmp_path, labels))

    assert [_sub(first), _sub(second)] == ["Restaurant Reservation", "Buses and Taxis"]
    assert _texts(first) == [_TABLE, "Where?", "At Oak's.", "Done. It may rain."]
    assert _texts(second) == [_CAB, "Coming.", "Thanks."]
    assert [turn.party for turn in second.turns] == ["customer", "agent", "customer"]
    assert first.group == second.group == "sgd/train/1_00000"
    assert first.id != second.id


def test_a_whole_dialogue_is_what_most_customer_turns_are_about(
    labels: LabelSet, tmp_path: Path
) -> None:
    write_rows(tmp_path / "set/dev.jsonl.gz", [_TWO_SUBJECTS])

    (found,) = _read("sgd", tmp_path, labels, whole_calls=True, parts=("dev",))

    assert _sub(found.row) == "Restaurant Reservation"
    assert len(found.row.turns) == 8
    assert found.row.provenance["subjects"] == "3"


def _customer_turns(*turns: tuple[str, str], domain: str = "finance") -> list[dict[str, str]]:
    return [
        {"domain": domain, "conversationId": "c", "utterance": text, "intent": intent}
        for text, intent in turns
    ]


def test_dialogue_acts_around_a_request_stay_in_its_call(labels: LabelSet, tmp_path: Path) -> None:
    turns = _customer_turns(
        ("hi", "openinggreeting"),
        ("my card is gone", "reportlostcard<div>closeaccount"),
        ("", "contentonly"),
        ("4412", "contentonly"),
        ("bye", "closinggreeting"),
    )
    write_rows(tmp_path / "set/train_turns.jsonl.gz", turns)

    (found,) = _read("multidogo", tmp_path, labels)

    assert _sub(found.row) == "Lost or Stolen Card"
    assert _texts(found.row) == ["hi", "my card is gone", "4412", "bye"]


def test_a_conversation_without_a_request_gives_no_row(labels: LabelSet, tmp_path: Path) -> None:
    turns = _customer_turns(("hi", "openinggreeting"), ("thanks", "thankyou"))
    write_rows(tmp_path / "set/train_turns.jsonl.gz", turns)

    assert _read("multidogo", tmp_path, labels) == []


def test_the_bank_calls_are_for_tests_only(labels: LabelSet, tmp_path: Path) -> None:
    """Whatever a recipe says; what a transcriber marked is no word."""
    (tmp_path / "set").mkdir()
    line = "opus/B08_01.opus\tget branch hours\t<unk> when do you open [unintelligible] today"
    (tmp_path / "set/manifest.tsv").write_text(f"file\ttask\ttext\n{line}\n")

    (found,) = _read("harper_valley", tmp_path, labels, split="train")

    assert found.split == "test"
    assert _sub(found.row) == "Branches and Opening Hours"
    assert _texts(found.row) == ["when do you open today"]


def test_written_questions_are_synthetic_and_have_all_tasks(labels: LabelSet) -> None:
    source = Source(kind="written", path="contact_centre_questions", intents=_INTENTS)
    reading = Reading("mine", source, FOLDER, labels, seed=1)

    rows = [found.row for found in read_source(reading)]

    assert len({row.id for row in rows}) == len(rows)
    assert all(row.is_synthetic and len(row.labels) == len(labels.tasks) for row in rows)
    assert source_files(source, FOLDER) == [FOLDER / "contact_centre_questions.toml"]


def test_an_intent_that_nobody_mapped_is_an_error(labels: LabelSet, tmp_path: Path) -> None:
    write_rows(tmp_path / "set/train_turns.jsonl.gz", _customer_turns(("hi", "levitate")))

    with pytest.raises(MissingDataError, match="finance/levitate"):
        _read("multidogo", tmp_path, labels)


def test_the_files_of_a_source_that_are_missing_are_named(labels: LabelSet, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"'mine' cannot be read.*--data"):
        _read("banking77", tmp_path, labels)


def test_exported_calls_are_accepted_as_they_are(labels: LabelSet, tmp_path: Path) -> None:
    """Either name of the text, labels in any spelling beside it or by themselves."""
    calls = [
        {"text_transcript": "I lost my card", "sub_category": "replace card", "priority": "urgent"},
        {"narrative": "Where is it", "labels": {"main_category": "card"}, "case_id": 7},
        {"text_transcript": "No idea", "sub_category": None},
    ]
    (tmp_path / "calls.json").write_bytes(orjson.dumps(calls))

    first, second, third = _calls(tmp_path, "calls.json", labels)

    assert first.labels == {
        "main_category": ("Cards",),
        "sub_category": ("Lost or Stolen Card",),
        "priority": ("High",),
    }
    assert first.turns == (RowTurn("unknown", "I lost my card"),)
    assert second.labels == {"main_category": ("Cards",)}
    assert third.labels == {}


def test_own_calls_have_turns_ids_and_groups(labels: LabelSet, tmp_path: Path) -> None:
    turns = [{"party": "agent", "text": "Hello"}, {"party": "customer", "text": "A refund, 5 GB"}]
    call = {"id": "a", "group": "g", "turns": turns, "labels": {"sub_category": ["Refund"]}}
    (tmp_path / "calls.jsonl").write_bytes(orjson.dumps(call) + b"\n")

    (row,) = _calls(tmp_path, "calls.jsonl", labels, is_synthetic=True)

    assert (row.id, row.group, row.is_synthetic) == ("own/a", "own/g", True)
    assert spoken_text(row, labels) == "a refund five gb"


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        ({"sub_category": "Refund"}, "call 0 of .*one of turns, text_transcript, narrative"),
        ({"narrative": "a", "text_transcript": "a"}, "and only one"),
        ({"narrative": "a", "sub_category": "Nothing"}, "call 0 of .*'Nothing' is no label"),
        ({"narrative": "a", "sub_category": 3}, "call 0 of .*its labels"),
        ({"narrative": "a", "priority": "Low", "labels": {"priority": "Low"}}, "there twice"),
        ({"turns": [{"party": "robot", "text": "a"}]}, "call 0 of .*robot"),
    ],
)
def test_a_call_that_is_wrong_is_named(
    call: dict[str, Any], complaint: str, labels: LabelSet, tmp_path: Path
) -> None:
    (tmp_path / "calls.json").write_bytes(orjson.dumps([call]))

    with pytest.raises(MissingDataError, match=complaint):
        _calls(tmp_path, "calls.json", labels)


def test_an_empty_list_says_that_no_label_of_several_holds(tmp_path: Path) -> None:
    """An empty text says nothing, and of a task with one label so does a list."""
    label_set = load_label_set(write_label_set(tmp_path / "labels.toml"))
    calls: list[dict[str, object]] = [
        {"narrative": "on monday", "flags": []},
        {"narrative": "at noon", "labels": {"flags": [], "main": []}},
        {"narrative": "by phone", "flags": "", "main": "Contact"},
    ]
    (tmp_path / "own.json").write_bytes(orjson.dumps(calls))

    rows = _calls(tmp_path, "own.json", label_set)

    assert [row.labels for row in rows] == [{"flags": ()}, {"flags": ()}, {"main": ("Contact",)}]


def test_a_file_in_another_encoding_is_one_error(labels: LabelSet, tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_bytes('{"narrative": "für Anna"}\n'.encode("latin-1"))

    with pytest.raises(MissingDataError, match="has another form"):
        _calls(tmp_path, "own.jsonl", labels)

from __future__ import annotations

import csv
import zipfile
from typing import TYPE_CHECKING, Any

import huggingface_hub
import orjson
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from pyarrow import parquet

from tests.support.models.turn_sources import write_rows
from training.core.errors import MissingDataError
from training.turns.corpus.splits import split_of
from training.turns.corpus.timed_turns import timed_turns
from training.turns.sources.conversations import Conversation
from training.turns.sources.readers import read_conversations
from training.turns.sources.recipe import Columns, Source, SourceKind

if TYPE_CHECKING:
    from pathlib import Path

_TEXTS = ["Hello there.", "How are you?", "Fine, thanks."]


def _read(kind: SourceKind, data: Path) -> list[Conversation]:
    return list(read_conversations(kind, Source(kind=kind, path=f"text/{kind}"), data))


def _said(conversation: Conversation) -> list[tuple[str, str]]:
    return [(turn.role, " ".join(turn.words)) for turn in conversation.turns]


def _table(data: Path, path: str, **settings: Any) -> list[Conversation]:
    return list(read_conversations("hub", Source(kind="table", path=path, **settings), data))


def test_sgd_names_the_file_of_a_dialogue_since_both_count_from_one(tmp_path: Path) -> None:
    row = {"dialogue_id": "1_00000", "turns": [{"speaker": "USER", "utterance": "Hi."}]}
    reply = {"dialogue_id": "1_00000", "turns": [{"speaker": "SYSTEM", "utterance": "Yes?"}]}
    write_rows(tmp_path / "text/sgd/train.jsonl.gz", [row])
    write_rows(tmp_path / "text/sgd/dev.jsonl.gz", [reply])

    conversations = _read("sgd", tmp_path)

    assert [one.name for one in conversations] == ["sgd/train/1_00000", "sgd/dev/1_00000"]
    assert [_said(one) for one in conversations] == [[("customer", "Hi.")], [("agent", "Yes?")]]


def test_customer_turns_in_rows_of_their_own_are_one_conversation(tmp_path: Path) -> None:
    rows = [
        {"conversationId": name, "utterance": text}
        for name, text in (("a", "hi"), ("b", "bye"), ("a", "i want soda"), ("a", None))
    ]
    write_rows(tmp_path / "text/multidogo/train_turns.jsonl.gz", rows)

    first, second = _read("multidogo", tmp_path)

    assert _said(first) == [("customer", "hi"), ("customer", "i want soda"), ("customer", "")]
    assert second.name == "multidogo/b"


def test_answers_that_a_recognizer_heard_in_part_are_left_out(tmp_path: Path) -> None:
    """A postcode without its end would be labelled complete."""
    heard = [
        ("postcode", "w20 a b"),
        ("postcode", "m l seven b 2 q p"),
        ("postcode", "w3c"),
        ("dob", "the fifth of december 1965"),
        ("dob", "the fifth of"),
        ("name", "jordan low"),
        ("name", "l"),
    ]
    rows = [{"dialogue_id": "c", "item": item, "transcription": text} for item, text in heard]
    write_rows(tmp_path / "text/evi/turns.jsonl.gz", rows)

    (conversation,) = _read("evi", tmp_path)

    assert [text for _, text in _said(conversation)] == [
        "w20 a b",
        "m l seven b 2 q p",
        "the fifth of december 1965",
        "jordan low",
    ]


def test_helpline_calls_do_not_say_who_speaks(tmp_path: Path) -> None:
    write_rows(tmp_path / "text/helpline_calls/calls.jsonl.gz", [{"text": "Hello? Yes, hi."}])

    (conversation,) = _read("helpline_calls", tmp_path)

    assert conversation.turns[0].mixes_speakers
    assert _said(conversation) == [("unknown", "Hello? Yes, hi.")]


def _aligned(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "words": [
            ["Good", "0", 0.1, 0.5],
            ["day.", "0", 1.0, 1.4],
            ["Thank", "1", 2.0, 2.2],
            ["<inaudible>", "1", None, None],
            ["very", "1", None, None],
            ["much.", "1", 3.2, 3.5],
            ["Lost", "2", None, None],
            ["end", "2", 5.0, None],
            ["Bye.", "0", 6.0, 6.4],
        ],
    }


def _test_call() -> str:
    names = (str(index) for index in range(1000))
    return next(one for one in names if split_of(f"earnings22_aligned/{one}") == "test")


def test_aligned_calls_give_their_pauses(tmp_path: Path) -> None:
    write_rows(tmp_path / "text/earnings22_aligned/calls.jsonl.gz", [_aligned("7")])

    (conversation,) = _read("earnings22_aligned", tmp_path)

    assert [turn.pauses_ms for turn in conversation.turns][:2] == [(500, 0), (0, 0, 0, 0)]


def test_timed_turns_are_those_of_one_split_with_times_in_order(tmp_path: Path) -> None:
    name = _test_call()
    other = next(
        one for one in map(str, range(99)) if split_of(f"earnings22_aligned/{one}") != "test"
    )
    rows = [_aligned(name), _aligned(other)]
    write_rows(tmp_path / "text/earnings22_aligned/calls.jsonl.gz", rows)

    turns = list(timed_turns(tmp_path, "test"))

    assert {turn.conversation for turn in turns} == {f"earnings22_aligned/{name}"}
    assert turns[0].words == (("Good", 100, 500), ("day.", 1000, 1400))
    assert [turn.speaker for turn in turns] == ["0", "1", "0"]
    assert [turn.next_start_ms for turn in turns] == [2000, None, None]
    assert turns[1].words == (
        ("Thank", 2000, 2200),
        ("<inaudible>", 2200, 2700),
        ("very", 2700, 3200),
        ("much.", 3200, 3500),
    )


def test_a_missing_recording_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="--data"):
        list(timed_turns(tmp_path, "test"))


def _write_table(folder: Path, form: str) -> None:
    rows = [{"content": text, "eou": index % 2} for index, text in enumerate(_TEXTS)]
    folder.mkdir(parents=True)
    if form == "jsonl":
        (folder / "rows.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    elif form == "json":
        (folder / "rows.json").write_bytes(orjson.dumps(rows))
    elif form == "csv":
        with (folder / "rows.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, ["content", "eou"])
            writer.writeheader()
            writer.writerows(rows)
    elif form == "zip":
        with zipfile.ZipFile(folder / "rows.zip", "w") as archive:
            for index, row in enumerate(rows):
                archive.writestr(f"calls/{index}.json", orjson.dumps(row))
            archive.writestr("calls/notes.txt", "nothing to read")
    else:
        parquet.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")


@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "zip", "parquet"])
def test_a_folder_is_read_in_every_form_of_a_hub(form: str, tmp_path: Path) -> None:
    _write_table(tmp_path / "turns-2k", form)
    columns = Columns(turns=("content",), label="eou")

    conversations = _table(tmp_path, "turns-2k", columns=columns)

    turns = [turn for one in conversations for turn in one.turns]
    assert [" ".join(turn.words) for turn in turns] == _TEXTS
    assert [turn.is_complete for turn in turns] == [False, True, False]
    assert len({one.name for one in conversations}) == 3


def test_nested_columns_become_turns_in_their_order(tmp_path: Path) -> None:
    """As persona-chat keeps them: the history, and the last candidate as the answer to it."""
    row = {
        "utterances": [
            {"history": ["x"]},
            {"history": ["hi .", "hello ."], "candidates": ["no", "yes"]},
        ]
    }
    (tmp_path / "train.json").write_bytes(orjson.dumps([row]))
    columns = Columns(turns=("utterances.-1.history", "utterances.-1.candidates.-1"))

    (conversation,) = _table(tmp_path, "train.json", columns=columns)

    assert [text for _, text in _said(conversation)] == ["hi .", "hello .", "yes"]


def test_objects_in_a_column_know_their_speakers(tmp_path: Path) -> None:
    rows = [
        {"call": "a", "turns": [{"who": "rep", "text": "Hello."}, {"who": "cust", "text": "Hi."}]},
        {"call": "a", "turns": [{"who": "else", "text": "Bye."}]},
    ]
    (tmp_path / "calls.json").write_bytes(orjson.dumps(rows))
    columns = Columns(turns=("turns",), speaker="who", conversation="call")

    (conversation,) = _table(
        tmp_path, "calls.json", columns=columns, roles={"rep": "agent", "cust": "customer"}
    )

    assert _said(conversation) == [("agent", "Hello."), ("customer", "Hi."), ("unknown", "Bye.")]


def test_the_number_of_rows_can_be_bounded(tmp_path: Path) -> None:
    _write_table(tmp_path / "set", "jsonl")

    assert len(_table(tmp_path, "set", columns=Columns(turns=("content",)), rows=2)) == 2


def test_columns_that_are_not_there_give_one_line(tmp_path: Path) -> None:
    _write_table(tmp_path / "set", "jsonl")

    with pytest.raises(MissingDataError, match="'hub' has no column speech, only content"):
        _table(tmp_path, "set", columns=Columns(turns=("speech",)))


def test_columns_without_a_text_give_one_line(tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text('{"content": null}\n')

    with pytest.raises(MissingDataError, match="'hub' holds a text in the columns content"):
        _table(tmp_path, "set.jsonl", columns=Columns(turns=("content",)))


def test_a_damaged_file_gives_one_line(tmp_path: Path) -> None:
    (tmp_path / "rows.zip").write_bytes(b"no archive")

    with pytest.raises(MissingDataError, match=r"rows\.zip of the source 'hub' cannot be read"):
        _table(tmp_path, "rows.zip")


def test_without_a_hub_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(name: str, *, repo_type: str, allow_patterns: list[str] | None) -> str:
        assert (repo_type, allow_patterns) == ("dataset", None)
        raise ConnectionError(f"cannot reach {name}\nfor several reasons")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)

    with pytest.raises(MissingDataError, match=r"data\.sources\.hub\.path") as caught:
        _table(tmp_path, "latishab/turns-2k")

    assert "\n" not in str(caught.value)


def test_a_data_set_by_name_is_read_from_where_the_hub_puts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the files that the recipe wants are fetched."""
    _write_table(tmp_path / "snapshot", "csv")
    asked = []

    def snapshot(name: str, **options: object) -> str:
        asked.append((name, options["repo_type"], options["allow_patterns"]))
        return str(tmp_path / "snapshot")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)

    conversations = _table(
        tmp_path, "latishab/turns-2k", columns=Columns(turns=("content",)), files="**/*.csv"
    )

    assert [text for one in conversations for _, text in _said(one)] == _TEXTS
    assert asked == [("latishab/turns-2k", "dataset", ["**/*.csv", "*.csv"])]


def test_a_table_of_whole_calls_says_that_speakers_change(tmp_path: Path) -> None:
    _write_table(tmp_path / "calls", "zip")
    columns = Columns(turns=("content",))

    whole = _table(tmp_path, "calls", columns=columns, mixes_speakers=True)

    assert all(turn.mixes_speakers for one in whole for turn in one.turns)

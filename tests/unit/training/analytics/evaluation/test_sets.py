"""The sets of calls that are measured."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import msgspec
import pytest
from msgspec.structs import replace

from models.analytics.guide import load_guide
from tests.support.analytics.analysed_calls import analysis, example
from training.analytics.corpus.files import read_split
from training.analytics.evaluation.harper_valley import FILE, read_harper_valley
from training.analytics.evaluation.sets import as_recognized, parts_of, sampled
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from pathlib import Path

    from training.analytics.corpus.examples import Example

GUIDE = load_guide("contact-centre")
WORDS = " ".join(f"{a}at {b}ould, then" for a in "bcfhmprs" for b in "cws")


def calls(count: int = 6) -> list[Example]:
    return [example(analysis(), (WORDS, "Yes."), name=f"call{n}") for n in range(count)]


def write_lines(path: Path, found: list[Example]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.Encoder().encode_lines(found))


def test_a_split_is_read_from_a_run_or_from_its_data(tmp_path: Path) -> None:
    write_lines(tmp_path / "data" / "test.jsonl", calls())

    assert read_split(tmp_path, "test") == read_split(tmp_path / "data", "test") == calls()


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "is not there"), ("{}\n", "no file of analysed calls"), ("", "has no calls")],
    ids=["missing", "another form", "empty"],
)
def test_a_split_that_is_of_no_use_is_one_clear_error(
    tmp_path: Path, content: str | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "test.jsonl").write_text(content)

    with pytest.raises(MissingDataError, match=words):
        read_split(tmp_path, "test")


def test_a_sample_is_spread_over_the_set() -> None:
    assert [each.id for each in sampled(calls(6), 3)] == ["call0", "call2", "call4"]
    assert sampled(calls(6), 0) == sampled(calls(6), 10) == calls(6)


def test_sources_and_recognized_calls_are_parts_where_there_are_several() -> None:
    heard = [replace(each, provenance={"heard": "yes"}) for each in calls(2)]
    written = [replace(each, provenance={"heard": "no"}) for each in calls(1)]
    other = replace(calls(1)[0], source="sgd")

    assert parts_of("test", [*heard, *written, other]) == {
        "test, composed": [0, 1, 2],
        "test, sgd": [3],
        "test, as recognized": [0, 1],
        "test, as written": [2],
    }
    assert parts_of("test", calls()) == parts_of("test", heard) == {}


def test_a_recognizer_loses_punctuation_and_words_but_no_turn() -> None:
    heard = as_recognized(calls(), calls(), seed=1)

    texts = [each.turns[0].text for each in heard]
    assert all("," not in text for text in texts)
    assert len(set(texts)) > 1  # each call has mistakes of its own
    assert all(len(each.turns) == 2 and each.turns[1].text == "yes" for each in heard)
    assert [each.analysis for each in heard] == [each.analysis for each in calls()]
    assert heard == as_recognized(calls(), calls(), seed=1)
    assert heard[:2] == as_recognized(calls(2), calls(), seed=1)


def test_held_out_calls_have_an_issue_alone(tmp_path: Path) -> None:
    dialogue = {
        "sid": "a1",
        "task": "replace card",
        "turns": [
            {"speaker": "agent", "text": "hello"},
            {"speaker": "agent", "text": "how can i help"},
            {"speaker": "caller", "text": "[noise] i lost my card"},
            {"speaker": "agent", "text": "[noise]"},
        ],
    }
    (tmp_path / FILE).write_bytes(gzip.compress(json.dumps(dialogue).encode()))

    (found,) = read_harper_valley(tmp_path, GUIDE)

    assert found.tasks == ("category",)
    assert found.analysis.category is not None
    assert found.analysis.category.name == "Cards"
    assert [(turn.party, turn.text) for turn in found.turns] == [
        ("agent", "hello how can i help"),
        ("customer", "i lost my card"),
    ]
    assert not found.is_synthetic


@pytest.mark.parametrize("task", ["buy a boat", ""], ids=["unknown task", "none"])
def test_a_held_out_task_without_a_label_is_one_clear_error(tmp_path: Path, task: str) -> None:
    content = {"sid": "a1", "task": task, "turns": []}
    (tmp_path / FILE).write_bytes(gzip.compress(json.dumps(content).encode()))

    with pytest.raises(MissingDataError, match="harper_valley"):
        read_harper_valley(tmp_path, GUIDE)


def test_missing_held_out_calls_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="cannot be read"):
        read_harper_valley(tmp_path, GUIDE)

"""Prepared calls: one split, all forms from it, a manifest that holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from tests.support.analytics.own_files import ANALYSIS, CONTEXT, OwnFolders, lines_of
from training.analytics.corpus.files import read_manifest, read_split
from training.analytics.forms.rows import Limits
from training.analytics.forms.tokens import ESTIMATED
from training.analytics.preparation.checks import refuse_leaks, refuse_shared_phrasings
from training.analytics.preparation.prepare import ModelForms, Order, prepare
from training.analytics.preparation.recipe import data_recipe
from training.analytics.preparation.report import markdown, warnings
from training.core.errors import LeakingSplitsError, MissingDataError, RecipeError
from training.core.splits import SPLITS, Split

if TYPE_CHECKING:
    from pathlib import Path

CALLS = 40
OWN = {"kind": "analysed", "transcripts": "transcripts", "analyses": "analyses"}
COMPOSED = {"kind": "composed", "train": 30, "validation": 8, "test": 8}


def _name(number: int) -> str:
    return "".join("abcdefghij"[int(digit)] * 5 for digit in f"{number:03}")


@pytest.fixture
def own(tmp_path: Path) -> OwnFolders:
    folders = OwnFolders(tmp_path)
    for number in range(CALLS):
        folders.add(f"call_{number:02}", CONTEXT + lines_of(_name(number)), ANALYSIS)
    return folders


def _order(root: Path, *, small: int = 0, **table: Any) -> Order:
    return Order(
        guide="contact-centre",
        seed=7,
        model=ModelForms("chat", "codes", Limits(1024, 128)),
        data=data_recipe({"sources": {"own": OWN}, "near_copy": 1, **table}),
        sources=root,
        work=root / "work",
        counter=ESTIMATED,
        small=small,
    )


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.usefixtures("own")
def test_every_form_derives_from_one_split(tmp_path: Path) -> None:
    report = prepare(_order(tmp_path))

    data = tmp_path / "work" / "data"
    assert report.examples == {"train": 32, "validation": 4, "test": 4}
    for split, mlx in zip(SPLITS, ("train", "valid", "test"), strict=True):
        calls = read_split(tmp_path / "work", split)
        forms = [
            _lines(data / f"{split}_chatml.jsonl"),
            _lines(data / f"{split}_temporal.jsonl"),
            _lines(data / "mlx" / f"{mlx}.jsonl"),
        ]
        for call, chatml, temporal, text in zip(calls, *forms, strict=True):
            said = call.turns[1].text
            assert said in chatml["messages"][0]["content"]
            assert "TEMPORAL" not in chatml["messages"][0]["content"]
            assert said in temporal["messages"][0]["content"]
            assert said in text["text"]


@pytest.mark.usefixtures("own")
def test_the_text_is_as_the_document_shows_it_with_the_right_day(tmp_path: Path) -> None:
    prepare(_order(tmp_path))

    text = _lines(tmp_path / "work" / "data" / "mlx" / "test.jsonl")[0]["text"]

    assert text.startswith("<|user|>\n" + CONTEXT.replace("Wednesday", "Thursday") + "Agent: ")
    answer = json.loads(text.partition("\n\n<|assistant|>\n")[2])
    assert answer["primary_category"] == "Products and Service"
    assert (answer["quality_score"], answer["effectiveness_rating"]) == (90, "excellent")
    assert "scorecard" not in answer  # not known, and null would say that no question applies


@pytest.mark.usefixtures("own")
def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    prepare(_order(tmp_path))
    first = read_manifest(tmp_path / "work" / "data")
    prepare(_order(tmp_path))

    assert read_manifest(tmp_path / "work" / "data") == first


def test_a_call_keeps_its_split_when_another_category_is_added(
    own: OwnFolders, tmp_path: Path
) -> None:
    prepare(_order(tmp_path))
    before = {each.id for each in read_split(tmp_path / "work", "test")}
    for number in range(CALLS, 2 * CALLS):
        analysis = {**ANALYSIS, "primary_category": "payments and transfers"}
        own.add(f"other_{number}", lines_of(_name(number)), analysis)
    prepare(_order(tmp_path))

    assert before <= {each.id for each in read_split(tmp_path / "work", "test")}


@pytest.mark.usefixtures("own")
def test_data_that_do_not_match_their_manifest_are_refused(tmp_path: Path) -> None:
    prepare(_order(tmp_path))
    path = tmp_path / "work" / "data" / "test.jsonl"
    path.write_bytes(path.read_bytes().replace(b"router", b"modem"))

    with pytest.raises(MissingDataError, match=r"test\.jsonl is not the file that manifest\.json"):
        read_split(tmp_path / "work", "test")


@pytest.mark.usefixtures("own")
def test_the_small_subset_has_the_whole_test_set(tmp_path: Path) -> None:
    prepare(_order(tmp_path, small=16))

    small = {split: read_split(tmp_path / "work" / "small", split) for split in SPLITS}

    assert {split: len(calls) for split, calls in small.items()} == {
        "train": 16,
        "validation": 2,
        "test": 4,
    }
    assert small["test"] == read_split(tmp_path / "work", "test")
    train = {each.id for each in read_split(tmp_path / "work", "train")}
    assert {each.id for each in small["train"]} <= train
    assert read_manifest(tmp_path / "work" / "small" / "data").subset_of


def test_a_long_call_loses_its_middle_and_never_its_answer(own: OwnFolders, tmp_path: Path) -> None:
    middle = "\n".join(f"Agent: so {n}\nCustomer: {'well ' * 60}" for n in range(80))
    own.add("long", f"{lines_of('Zoe')}\n{middle}\nCustomer: the very end", ANALYSIS)

    report = prepare(_order(tmp_path))

    of_document = report.forms["document's form"].splits
    assert sum(each.over for each in of_document.values()) == 1
    assert sum(each.cut_calls for each in of_document.values()) == 1
    rows = [
        row
        for s in ("train", "valid", "test")
        for row in _lines(tmp_path / "work" / "data" / "mlx" / f"{s}.jsonl")
    ]
    text = next(row["text"] for row in rows if "Zoe" in row["text"])
    assert "turns left out)" in text
    assert "the very end" in text
    assert json.loads(text.partition("<|assistant|>\n")[2])["csat"] == 85
    assert ESTIMATED.count(text) <= 2048


def test_copies_and_bad_files_are_counted_and_told(own: OwnFolders, tmp_path: Path) -> None:
    own.add("copy", CONTEXT + lines_of(_name(0)), ANALYSIS)
    own.add("bad", "", ANALYSIS)

    report = prepare(_order(tmp_path))

    assert (report.sources["own"].copies, report.sources["own"].left_out) == (1, 1)
    told = _lines(tmp_path / "work" / "data" / "left_out.jsonl")
    assert [row["reason"] for row in told] == ["it is empty"]
    assert any(each.startswith("own: 1 of 42") for each in warnings(report))
    assert "Thursday, not Wednesday" in markdown(report)
    assert (tmp_path / "work" / "data" / "lengths.png").stat().st_size > 1_000


def test_composed_calls_keep_the_split_of_their_phrasings(tmp_path: Path) -> None:
    report = prepare(_order(tmp_path, sources={"composed": COMPOSED}))

    assert report.examples == {"train": 30, "validation": 8, "test": 8}
    assert report.phrasings > 1_000
    assert list(report.answers["train"]["churn"]) == ["low", "medium", "high"]
    for split in SPLITS:
        calls = read_split(tmp_path / "work", split)
        assert {each.provenance["split"] for each in calls} == {split}
        assert all(each.context.day_of_week for each in calls)


def test_a_phrasing_in_two_splits_is_refused() -> None:
    phrasings: dict[Split, list[str]] = {
        "train": ["My router fails."],
        "validation": ["I want to pay."],
        "test": ["my ROUTER fails"],
    }

    with pytest.raises(LeakingSplitsError, match="'my router fails' is in train and in test"):
        refuse_shared_phrasings(phrasings.__getitem__)


@pytest.mark.usefixtures("own")
def test_a_call_in_another_split_than_it_was_made_for_is_refused(tmp_path: Path) -> None:
    prepare(_order(tmp_path))
    calls = {split: read_split(tmp_path / "work", split) for split in SPLITS}
    refuse_leaks(calls)
    calls["train"][0] = replace(calls["train"][0], provenance={"split": "test"})

    with pytest.raises(LeakingSplitsError, match="was generated for test, and came into train"):
        refuse_leaks(calls)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"sources": {}}, "it has no sources"),
        ({"test_share": 0.9, "validation_share": 0.1}, "leave some to train on"),
        ({"sources": {"own": {**OWN, "noise": 1}}}, "noise"),
        ({"sources": {"own": {**COMPOSED, "noise_share": 2}}}, "noise_share"),
        ({"calendar": {"peak_season": ["11-31..12-05"]}}, "is no day"),
    ],
)
def test_a_table_that_is_not_valid_is_refused(table: dict[str, Any], complaint: str) -> None:
    with pytest.raises(RecipeError, match=complaint):
        data_recipe({"sources": {"own": OWN}, **table})


def test_sources_without_a_usable_call_say_why(tmp_path: Path) -> None:
    OwnFolders(tmp_path).add("bad", "", ANALYSIS)

    with pytest.raises(MissingDataError, match=r"bad\.txt: it is empty"):
        prepare(_order(tmp_path))

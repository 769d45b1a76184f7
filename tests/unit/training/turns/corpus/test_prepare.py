from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import msgspec
import pytest

from models.text.spoken_form import spoken_form
from tests.support.models.turn_sources import (
    small_recipe,
    write_rows,
    write_sgd,
    write_taskmaster,
)
from training.core.errors import MissingDataError, RecipeError
from training.core.sampling import fill_quotas
from training.text.recognizer_noise import RecognizerNoise
from training.turns.corpus.candidates import find_utterances
from training.turns.corpus.data_recipe import (
    DataRecipe,
    Grouping,
    SetRecipe,
    Truncation,
)
from training.turns.corpus.examples import SPLITS, Example, read_examples, set_path, write_examples
from training.turns.corpus.prepare import prepare, read_report
from training.turns.corpus.splits import split_of
from training.turns.corpus.truncation import one_shot_key
from training.turns.sources.conversations import Role
from training.turns.sources.recipe import Source

if TYPE_CHECKING:
    from pathlib import Path

_SETS = ("general", "domain", "agent", "multi")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_sgd(folder)
    write_taskmaster(folder)
    return folder


@pytest.fixture(scope="module")
def work(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    prepare(small_recipe(), data, folder, seed=5)
    return folder


def _examples(work: Path, split: str) -> list[tuple[str, Example]]:
    return [
        (name, example)
        for name in _SETS
        for example in read_examples(set_path(work, name, split))  # type: ignore[arg-type]
    ]


def _files(work: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(work)): path.read_bytes() for path in sorted(work.rglob("*.json*"))
    }


def _letters(number: int) -> str:
    return "".join(chr(97 + int(digit)) for digit in str(number))


def test_every_set_has_the_examples_that_the_recipe_asks_for(work: Path) -> None:
    report = read_report(work)

    counts = {name: by_split["train"].examples for name, by_split in report.sets.items()}
    assert 170 <= counts.pop("multi") <= 180
    assert counts == {"general": 120, "domain": 60, "agent": 60}
    assert report.sets["general"]["train"].complete == 60
    assert len(read_examples(set_path(work, "general", "test"))) == 40


def test_no_conversation_and_no_text_is_in_two_splits_of_any_sets(work: Path) -> None:
    """A model trained on one set may be tested on every other."""
    for first, second in combinations(SPLITS, 2):
        one = [example for _, example in _examples(work, first)]
        other = [example for _, example in _examples(work, second)]

        assert one
        assert not {e.text for e in one} & {e.text for e in other}
        assert not {e.conversation for e in one} & {e.conversation for e in other}


def test_an_utterance_comes_once_in_a_set_and_with_one_label_over_all_sets(
    tmp_path: Path,
) -> None:
    """The one-shot rule: whole or cut, never both, however often it is said."""
    texts = [f"{_letters(index)} is where I would like to go today" for index in range(150)]
    once = [f"{_letters(index)} only once" for index in range(150, 200)]
    rows = [
        {"id": f"d{index}", "turns": [{"speaker": speaker, "text": text}]}
        for index, text in enumerate(texts * 3 + once)
        for speaker in ("user", "assistant")
    ]
    write_rows(tmp_path / "text/taskmaster4/dialogues.jsonl.gz", rows)
    both = {"taskmaster4": 1.0}
    speakers: dict[str, tuple[Role, ...]] = {
        "general": (),
        "agent": ("agent",),
        "customer": ("customer",),
    }
    recipe = DataRecipe(
        sources={"taskmaster4": Source(kind="taskmaster4", path="text/taskmaster4")},
        sets={
            name: SetRecipe(train=500, test=1, sources=both, roles=roles)
            for name, roles in speakers.items()
        },
    )
    prepare(recipe, tmp_path, tmp_path / "work", seed=2)

    labels: dict[str, set[bool]] = {}
    for name in recipe.sets:
        train = read_examples(set_path(tmp_path / "work", name, "train"))
        firsts = [example.text.split()[0] for example in train]
        assert len(firsts) == len(set(firsts)) > 100
        for first, example in zip(firsts, train, strict=True):
            labels.setdefault(first, set()).add(example.is_complete)
    assert {len(each) for each in labels.values()} == {1}
    assert {label for each in labels.values() for label in each} == {True, False}


def test_a_text_is_what_a_recognizer_writes_and_written_keeps_the_same_words(work: Path) -> None:
    for _, example in _examples(work, "train"):
        assert example.text == spoken_form(example.written)
        assert example.text == spoken_form(example.text)


def test_roles_choose_who_speaks(work: Path) -> None:
    report = read_report(work)

    assert report.sets["agent"]["train"].roles == {"agent": 60}
    assert set(report.sets["general"]["train"].roles) == {"agent", "customer"}


def test_a_union_is_all_its_parts_without_repeats(work: Path) -> None:
    parts = [
        example
        for name in ("general", "domain")
        for example in read_examples(set_path(work, name, "train"))
    ]
    union = read_examples(set_path(work, "multi", "train"))

    assert {e.text for e in union} == {e.text for e in parts}
    assert len({e.text for e in union}) == len(union)


def test_the_same_seed_writes_the_same_bytes_and_another_one_does_not(
    data: Path, work: Path, tmp_path: Path
) -> None:
    prepare(small_recipe(), data, tmp_path / "same", seed=5)
    prepare(small_recipe(), data, tmp_path / "other", seed=6)

    assert _files(tmp_path / "same") == _files(work)
    other = _files(tmp_path / "other")
    assert other["data/general/train.jsonl"] != _files(work)["data/general/train.jsonl"]


def test_prepared_data_stay_until_recipe_source_or_files_change(data: Path, tmp_path: Path) -> None:
    recipe = small_recipe()
    first = prepare(recipe, data, tmp_path, seed=5)
    path = set_path(tmp_path, "domain", "test")
    stamp = path.stat().st_mtime_ns

    assert prepare(recipe, data, tmp_path, seed=5) == first
    assert path.stat().st_mtime_ns == stamp

    content = path.read_bytes()
    path.write_bytes(content[:-10])
    prepare(recipe, data, tmp_path, seed=5)
    assert path.read_bytes() == content

    changed = small_recipe(truncation=Truncation(share=0.9))
    assert prepare(changed, data, tmp_path, seed=5).fingerprint != first.fingerprint


def test_in_the_train_split_no_cut_leaves_a_complete_utterance(tmp_path: Path) -> None:
    """Such a label would be noise."""
    texts = [*(f"yes {_letters(index)}" for index in range(400)), *["yes"] * 20]
    _write_turns(tmp_path, texts)

    prepare(_one_set(train=1000, test=40), tmp_path, tmp_path / "work", seed=1)

    train = read_examples(set_path(tmp_path / "work", "general", "train"))
    assert "yes" in {example.text for example in train}
    assert len(train) > 200
    assert all(example.is_complete for example in train)


def test_a_set_without_conversations_for_its_test_split_is_refused(tmp_path: Path) -> None:
    name = next(one for one in range(99) if split_of(f"taskmaster4/d{one}") == "train")
    _write_turns(tmp_path, ["good morning to you"] * (name + 1))

    with pytest.raises(
        MissingDataError,
        match=r"'general' has 0 examples in its test split and needs 1.*give it more",
    ):
        prepare(_one_set(train=1, test=1), tmp_path, tmp_path / "work", seed=1)


def _write_turns(data: Path, texts: list[str]) -> None:
    rows = [
        {"id": f"d{index}", "turns": [{"speaker": "user", "text": text}]}
        for index, text in enumerate(texts)
    ]
    write_rows(data / "text/taskmaster4/dialogues.jsonl.gz", rows)


def _one_set(*, train: int, test: int) -> DataRecipe:
    return DataRecipe(
        sources={"taskmaster4": Source(kind="taskmaster4", path="text/taskmaster4")},
        sets={"general": SetRecipe(train=train, test=test, sources={"taskmaster4": 1})},
    )


def test_numbers_are_read_out_in_the_share_of_utterances_asked_for(tmp_path: Path) -> None:
    _write_turns(tmp_path, [f"We saw {101 + number} people there" for number in range(300)])
    recipe = _one_set(train=100, test=10)
    shares = {}
    for share in (0.0, 1.0):
        asked = msgspec.structs.replace(recipe, read_out_share=share)
        prepare(asked, tmp_path, tmp_path / str(share), seed=5)
        examples = read_examples(set_path(tmp_path / str(share), "general", "train"))
        said = [one.text for one in examples if one.is_complete]
        shares[share] = sum("hundred" not in text for text in said) / len(said)

    assert shares == {0.0: 0.0, 1.0: 1.0}


def test_noise_is_in_the_train_split_only(data: Path, tmp_path: Path) -> None:
    recipe = small_recipe(noise=RecognizerNoise(share=1.0, drop=0.3, replace=0.0, cut=1.0))
    prepare(recipe, data, tmp_path, seed=5)

    def clean(split: str) -> list[bool]:
        return [e.text == spoken_form(e.written) for _, e in _examples(tmp_path, split)]

    assert sum(clean("train")) < len(clean("train")) / 4
    assert all(clean("test"))
    assert all(clean("validation"))


def test_the_report_shows_the_leak_of_the_written_form(work: Path) -> None:
    """Sentences end with a full stop, cut ones do not; the recognizer's form hides that."""
    audit = read_report(work).audit["general"]

    assert audit.baselines.last_written_character >= 0.9
    assert audit.baselines.last_character < audit.baselines.last_written_character
    assert audit.baselines.majority == 0.5
    assert audit.test.same_text == 0.0
    assert audit.test.conversations == 0
    assert audit.two_labels["train"] == 0


def test_a_source_with_too_little_leaves_its_part_to_the_others() -> None:
    big, small = ("big", True), ("small", True)

    quotas = fill_quotas(100, {big: 1.0, small: 1.0}, {big: 1000, small: 10})

    assert quotas == {big: 90, small: 10}
    assert fill_quotas(100, {big: 1.0, small: 1.0}, {big: 5, small: 10}) == {big: 5, small: 10}
    assert sum(fill_quotas(7, {big: 1.0, small: 0.1}, {big: 50, small: 50}).values()) == 7


def test_the_split_of_a_conversation_never_changes() -> None:
    """The timing evaluation relies on the split of a call without knowing the recipe."""
    names = [f"earnings22_aligned/{index}" for index in range(2000)]
    shares = {split: sum(split_of(name) == split for name in names) / 2000 for split in SPLITS}

    assert shares["test"] == pytest.approx(0.15, abs=0.02)
    assert shares["validation"] == pytest.approx(0.05, abs=0.015)
    assert [split_of(f"sgd/train/1_{index:05}") for index in range(8)] == [
        "validation",
        "test",
        "train",
        "train",
        "train",
        "test",
        "train",
        "train",
    ]


def test_the_same_words_in_two_splits_belong_to_the_earlier_one(tmp_path: Path) -> None:
    names = [f"d{index}" for index in range(200)]
    train = next(name for name in names if split_of(f"taskmaster4/{name}") == "train")
    test = next(name for name in names if split_of(f"taskmaster4/{name}") == "test")
    rows = [
        {"id": name, "turns": [{"speaker": "user", "text": text}]}
        for name, text in ((test, "I want 2 Coffees!"), (train, "i want two coffees"))
    ]
    write_rows(tmp_path / "text/taskmaster4/dialogues.jsonl.gz", rows)
    recipe = small_recipe(
        sources={"taskmaster4": Source(kind="taskmaster4", path="text/taskmaster4")}
    )

    found, reports = find_utterances(recipe, tmp_path, 0, lambda _: None)

    assert [one.conversation for one in found] == [f"taskmaster4/{train}"]
    assert one_shot_key(found[0].utterance) == "i want two coffees"
    assert reports["taskmaster4"].other_split == 1


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"sets": {}}, "no sets"),
        ({"sets": {"odd": SetRecipe(train=1, test=1, sources={"sgd": 1})}}, "sets.odd"),
        ({"sets": {"general": SetRecipe(train=1, test=1, sources={"no": 1})}}, "'no'"),
        ({"sets": {"general": SetRecipe(train=1, test=1)}}, "no sources"),
        ({"sets": {"general": SetRecipe(train=0, test=1, sources={"sgd": 1})}}, "1 or more"),
        ({"sets": {"general": SetRecipe(train=1, test=1, sources={"sgd": 0})}}, "above 0"),
        ({"sets": {"multi": SetRecipe(union=("domain",))}}, "union"),
        ({"truncation": Truncation(share=1.5)}, "truncation.share"),
        ({"grouping": Grouping(sentence_weights=())}, "sentence_weights"),
        ({"grouping": Grouping(max_words=1)}, "max_words"),
    ],
)
def test_a_recipe_without_sense_is_refused(
    changes: dict[str, object], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=complaint):
        prepare(small_recipe(**changes), tmp_path, tmp_path, seed=1)


def test_missing_data_give_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="--data") as caught:
        prepare(small_recipe(), tmp_path, tmp_path / "work", seed=1)

    assert "\n" not in str(caught.value)


def test_data_of_another_form_give_one_line(tmp_path: Path) -> None:
    write_taskmaster(tmp_path)
    write_rows(tmp_path / "text/sgd/train.jsonl.gz", [{"dialogue": 1}])

    with pytest.raises(MissingDataError, match=r"'sgd'.* another form"):
        prepare(small_recipe(), tmp_path, tmp_path / "work", seed=1)


def test_a_file_without_valid_examples_is_refused(tmp_path: Path) -> None:
    example = Example("good morning", "Good morning.", True, "sgd", "sgd/1", "agent")
    path = tmp_path / "set" / "train.jsonl"
    write_examples(path, [example])

    assert read_examples(path) == [example]
    path.write_text('{"text": 5}\n')
    with pytest.raises(MissingDataError, match="not an example"):
        read_examples(path)
    with pytest.raises(MissingDataError, match="prepare the data first"):
        read_examples(tmp_path / "none.jsonl")

from __future__ import annotations

import gc
import os
import shutil
import threading
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from models.store.manifest import verify_all
from models.store.versioned import Refusal, Swap
from models.turns.store import Judge, Route, TurnModels, judge_all
from schemas.errors import ConfigurationError, ModelIntegrityError, ModelNotFoundError
from tests.support.models.tiny_trained_turns import NAME, export_tiny

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

GRAPH, MANIFEST = f"{NAME}.onnx", f"{NAME}.json"
FILES = (GRAPH, f"{NAME}.tokenizer.json", MANIFEST)
LATER_S = 10_000.0
TEXT = "my phone number is"


class Clock:
    """A wall clock far from every file's time, unless it is set."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def copy_model(manifest: Path, folder: Path, names: Sequence[str] = FILES) -> None:
    for name in names:
        shutil.copyfile(manifest.with_name(name), folder / name)


def change_manifest(path: Path, **fields: Any) -> None:
    path.write_bytes(orjson.dumps({**orjson.loads(path.read_bytes()), **fields}))


def judge_of(models: TurnModels, party: str = "agent") -> Judge:
    judge = models.judge(party=party, domain="", language="en")
    assert judge is not None
    return judge


ROUTES = (
    Route(variant="customer", party="customer", domain="bank"),
    Route(variant="customer", language="en-GB", domain="shop"),
)


@pytest.mark.parametrize(
    ("party", "domain", "language", "variant"),
    [
        ("customer", "bank", "en", "customer"),
        ("agent", "bank", "en", "general"),
        ("customer", "", "", "general"),
        ("agent", "shop", "en-US", "customer"),
        ("agent", "shop", "en_gb", "customer"),
        ("agent", "shop", "", "general"),
    ],
)
def test_the_first_route_that_fits_decides(
    folder: Path, party: str, domain: str, language: str, variant: str
) -> None:
    models = TurnModels(str(folder), routes=ROUTES)

    judge = models.judge(party=party, domain=domain, language=language)

    assert judge is not None
    assert judge.variant == variant


def test_no_model_judges_a_language_that_it_was_not_trained_on(folder: Path) -> None:
    change_manifest(folder / MANIFEST, languages=["en"])
    models = TurnModels(str(folder))

    assert models.judge(party="agent", domain="", language="de-DE") is None
    assert models.judge(party="agent", domain="", language="EN-us") is not None


def test_a_route_to_a_variant_that_is_not_there_is_a_mistake_of_the_settings(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="insurance"):
        TurnModels(str(folder), routes=[Route(variant="insurance")])


def test_several_manifests_are_one_set(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for variant in ("general", "agent"):
        made = export_tiny(tmp_path / variant, [variant], name=variant)
        for file in made.parent.glob(f"{variant}.*"):
            shutil.copyfile(file, folder / file.name)
    models = TurnModels(str(folder), routes=[Route(variant="agent", party="agent")])

    judges = [judge_of(models, party) for party in ("agent", "customer")]

    assert [judge.variant for judge in judges] == ["agent", "general"]
    assert judges[0].detector is not judges[1].detector


def test_two_manifests_with_one_variant_are_refused(folder: Path) -> None:
    shutil.copyfile(folder / MANIFEST, folder / "copy.json")

    with pytest.raises(ModelIntegrityError, match="another manifest has a 'general'"):
        TurnModels(str(folder))


def test_a_set_without_the_general_variant_is_refused(tmp_path: Path) -> None:
    manifest = export_tiny(tmp_path, ["agent"])

    with pytest.raises(ModelIntegrityError, match="no variant 'general'"):
        TurnModels(str(manifest))


@pytest.mark.parametrize("name", ["", "missing", "missing.json"])
def test_a_missing_model_says_what_to_do(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelNotFoundError, match="turns-export"):
        TurnModels(str(tmp_path / name))


def test_texts_of_many_calls_are_scored_as_if_each_were_alone(
    tiny_manifest: Path, other_manifest: Path
) -> None:
    judges = [judge_of(TurnModels(str(path))) for path in (tiny_manifest, other_manifest)]
    requests = [(judges[n % 2], text) for n, text in enumerate(("yes", TEXT, "", "no thank"))]

    together = judge_all(requests)

    assert together == [judge_all([request])[0] for request in requests]
    assert together[2] == 0.0


def test_nothing_to_judge_is_nothing() -> None:
    assert judge_all([]) == []


def test_changed_files_serve_new_calls_and_old_calls_keep_theirs(
    folder: Path, other_manifest: Path, clock: Clock
) -> None:
    models = TurnModels(str(folder), now=clock)
    old = judge_of(models)
    before = judge_all([(old, TEXT)])
    copy_model(other_manifest, folder)

    (swap,) = models.refresh()

    new = judge_of(models)
    assert swap == Swap((old.detector.name,), (new.detector.name,))
    assert new.name != old.name
    assert judge_all([(old, TEXT)]) == before != judge_all([(new, TEXT)])
    assert models.refresh() == []


def test_a_version_is_known_by_name_as_long_as_a_call_holds_it(
    folder: Path, other_manifest: Path, clock: Clock
) -> None:
    models = TurnModels(str(folder), now=clock)
    old = judge_of(models)
    name = old.name
    copy_model(other_manifest, folder)
    models.refresh()

    assert models.named(name) == old
    assert models.named(judge_of(models).name) == judge_of(models)
    del old
    gc.collect()
    assert models.named(name) is None


@pytest.mark.parametrize("name", ["", "/", "x/general", "tiny-turns/general"])
def test_an_unknown_name_is_no_version(folder: Path, name: str) -> None:
    assert TurnModels(str(folder)).named(name) is None


def test_a_variant_that_a_version_does_not_have_is_no_judge(folder: Path) -> None:
    models = TurnModels(str(folder))

    assert models.named(f"{judge_of(models).detector.name}/insurance") is None


def test_a_file_that_may_still_be_written_is_left_for_later(
    folder: Path, other_manifest: Path, clock: Clock
) -> None:
    models = TurnModels(str(folder), now=clock)
    copy_model(other_manifest, folder, [GRAPH])
    clock.now_s = (folder / GRAPH).stat().st_mtime + 0.5

    assert models.refresh() == []
    copy_model(other_manifest, folder)
    clock.now_s += LATER_S
    assert [type(each) for each in models.refresh()] == [Swap]


def test_a_half_copied_set_is_refused_and_taken_up_when_it_is_whole(
    folder: Path, other_manifest: Path, clock: Clock
) -> None:
    models = TurnModels(str(folder), now=clock)
    old = judge_of(models)
    copy_model(other_manifest, folder, [GRAPH])

    (refusal,) = models.refresh()
    assert isinstance(refusal, Refusal)
    assert "sha256" in refusal.reason
    assert judge_of(models) == old

    copy_model(other_manifest, folder)
    assert [type(each) for each in models.refresh()] == [Swap]


def test_a_bad_file_is_refused_once_and_the_old_one_stays(folder: Path, clock: Clock) -> None:
    models = TurnModels(str(folder), now=clock)
    old = judge_of(models)
    (folder / GRAPH).write_bytes(b"no graph")

    (refusal,) = models.refresh()
    assert isinstance(refusal, Refusal)
    assert refusal.kept == (old.detector.name,)
    assert GRAPH in refusal.reason
    assert old.detector.name in refusal.reason

    assert models.refresh() == []
    os.utime(folder / GRAPH, (1, 1))  # touched: the content is the same
    assert models.refresh() == []
    (folder / GRAPH).write_bytes(b"no graph either")
    assert [type(each) for each in models.refresh()] == [Refusal]
    assert judge_of(models) == old


def test_a_file_with_the_right_sha256_that_is_not_a_graph_is_refused(
    folder: Path, clock: Clock
) -> None:
    """A right sha256 does not make a model."""
    models = TurnModels(str(folder), now=clock)
    (folder / GRAPH).write_bytes(b"")
    change_manifest(
        folder / MANIFEST,
        sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    )

    (refusal,) = models.refresh()

    assert isinstance(refusal, Refusal)
    assert "cannot be" in refusal.reason


@pytest.mark.parametrize(
    "fields",
    [
        {"variants": ["general"]},
        {"variants": []},
        {"variants": ["general", "general"]},
        {"variants": ["customer", "agent"]},
        {"format": "openai-whisper"},
        {"max_tokens": 0},
        {"tokenizer_file": "other.json"},
        {"special_tokens": {"first": 10_000, "last": 3, "padding": 0}},
    ],
)
def test_a_manifest_that_promises_what_the_graph_is_not_is_refused(
    folder: Path, clock: Clock, fields: dict[str, Any]
) -> None:
    models = TurnModels(str(folder), now=clock)
    change_manifest(folder / MANIFEST, **fields)

    assert [type(each) for each in models.refresh()] == [Refusal]
    assert judge_all([(judge_of(models), TEXT)]) != [0.0]


def test_files_that_are_gone_leave_the_model_in_place(folder: Path, clock: Clock) -> None:
    models = TurnModels(str(folder), now=clock)
    shutil.rmtree(folder)

    (refusal,) = models.refresh()

    assert isinstance(refusal, Refusal)
    assert judge_all([(judge_of(models), TEXT)]) != [0.0]
    assert models.refresh() == []


def test_a_touched_file_of_the_same_content_is_no_swap(folder: Path, clock: Clock) -> None:
    models = TurnModels(str(folder), now=clock)
    old = judge_of(models)
    os.utime(folder / GRAPH, (1, 1))

    assert models.refresh() == []
    assert judge_of(models) == old


def test_a_swap_back_is_a_swap(
    folder: Path, tiny_manifest: Path, other_manifest: Path, clock: Clock
) -> None:
    models = TurnModels(str(folder), now=clock)
    old = judge_of(models)
    copy_model(other_manifest, folder)
    models.refresh()
    copy_model(tiny_manifest, folder)

    assert [type(each) for each in models.refresh()] == [Swap]
    assert judge_of(models).name == old.name


def test_calls_are_judged_while_another_thread_swaps(
    folder: Path, tiny_manifest: Path, other_manifest: Path, clock: Clock
) -> None:
    models = TurnModels(str(folder), now=clock)
    names: set[str] = set()
    is_over = threading.Event()

    def judge() -> None:
        while not is_over.is_set():
            found = judge_of(models)
            names.add(found.name)
            judge_all([(found, TEXT)])

    thread = threading.Thread(target=judge)
    thread.start()
    swaps = 0
    for manifest in (other_manifest, tiny_manifest) * 3:
        copy_model(manifest, folder)
        swaps += len([each for each in models.refresh() if isinstance(each, Swap)])
    is_over.set()
    thread.join(timeout=10)

    assert not thread.is_alive()
    assert swaps == 6
    assert len(names | {judge_of(models).name}) <= 2


def test_the_files_pass_the_check_of_all_bundled_weights(folder: Path) -> None:
    """`callstream models verify` walks over every manifest; a tokenizer is not one."""
    (manifest,) = verify_all(folder.parent).values()

    assert manifest.name == NAME

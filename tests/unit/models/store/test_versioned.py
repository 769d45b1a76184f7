"""Versions are loaded, exchanged, refused and rolled back while calls go on."""

import gc
import shutil
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from models.store.layout import ModelKind, point_alias, read_aliases
from models.store.manifest import WeightsManifest, load_manifest, sha256_of_fields
from models.store.versioned import Refusal, Swap, VersionedStore
from schemas.errors import ModelIntegrityError, ModelNotFoundError
from tests.support.models.stored_models import (
    GRAPH,
    KIND,
    LATER_S,
    MANIFEST,
    Clock,
    WordModel,
    graph_of,
    load_word,
    open_store,
    served,
    write_word,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with three versions."""
    for number, word in enumerate(("one", "two", "three"), 1):
        write_word(tmp_path / "models" / f"v{number}", word)
    return tmp_path / "models"


def test_changed_files_are_taken_up_and_a_version_that_was_handed_out_stays_usable(
    tmp_path: Path, clock: Clock
) -> None:
    write_word(tmp_path, "old")
    store = open_store(tmp_path, clock)
    (handed_out,) = store.champion.models
    write_word(tmp_path, "new")

    (swap,) = store.refresh()

    assert swap == Swap((handed_out.name,), store.champion.names)
    assert served(store) == ["new"]
    assert handed_out.word == "old"
    assert store.named(handed_out.name) is handed_out
    assert store.refresh() == []


def test_replaced_versions_stay_loaded_as_many_as_are_kept(tmp_path: Path, clock: Clock) -> None:
    """A call that comes back from a checkpoint finds its version by name."""
    names: list[str] = []
    write_word(tmp_path, "0")
    store = open_store(tmp_path, clock, keep=2)
    for number in range(1, 4):
        names += store.champion.names
        write_word(tmp_path, str(number))
        store.refresh()
    gc.collect()

    assert [store.named(name) is not None for name in names] == [False, True, True]


def test_a_version_that_no_alias_means_is_found_by_its_name(folder: Path, clock: Clock) -> None:
    """A call that began with it comes back to a process that never served it."""
    manifests = [load_manifest(folder / each / MANIFEST, WeightsManifest) for each in ("v1", "v2")]
    names = [manifest.versioned_name for manifest in manifests]
    store = open_store(folder, clock)
    shutil.rmtree(folder / "v1")
    (folder / "v2" / GRAPH).write_bytes(graph_of("damaged"))

    assert [store.named(name) for name in names] == [None, None]

    write_word(folder / "v2", "two")
    write_word(folder / "v4", "four")
    store.refresh()
    found = store.named(names[1])

    assert found is not None
    assert found.word == "two"
    assert store.named(names[1]) is found
    assert served(store) == ["four"]


class FormattedManifest(WeightsManifest, frozen=True, kw_only=True):
    """A manifest whose format decides answers too."""

    @property
    def content_sha256(self) -> str:
        """Return the hash of all of it."""
        return sha256_of_fields(self, ())


def test_versions_are_found_by_the_names_that_their_manifests_give_them(
    folder: Path, clock: Clock
) -> None:
    """The kind of the models says what a manifest is read as."""
    kind = ModelKind("word model", "words", "write one", FormattedManifest)

    def load(path: Path) -> WordModel:
        return WordModel(load_manifest(path, FormattedManifest).versioned_name, path.parent.name)

    store = VersionedStore(str(folder), kind, load, now=clock)
    older = load_manifest(folder / "v1" / MANIFEST, FormattedManifest).versioned_name

    found = store.named(older)

    assert found is not None
    assert found.word == "v1"


def test_without_an_alias_the_highest_number_serves(folder: Path, clock: Clock) -> None:
    store = open_store(folder, clock)
    assert served(store) == ["three"]

    write_word(folder / "v10", "ten")

    assert [type(change) for change in store.refresh()] == [Swap]
    assert served(store) == ["ten"]


def test_a_folder_without_a_manifest_is_no_version_yet(folder: Path, clock: Clock) -> None:
    """The manifest comes last, when all other files are there."""
    store = open_store(folder, clock)
    (folder / "v4").mkdir()
    (folder / "v4" / GRAPH).write_bytes(graph_of("four"))

    assert store.refresh() == []
    assert served(store) == ["three"]


def test_an_alias_rolls_back_to_an_older_version_and_forward_again(
    folder: Path, clock: Clock
) -> None:
    store = open_store(folder, clock)
    names, words = [store.champion.names], []

    for version in ("v1", "v3"):
        point_alias(folder, "champion", version)
        assert store.refresh() == [Swap(names[-1], store.champion.names)]
        names.append(store.champion.names)
        words += served(store)

    assert words == ["one", "three"]
    assert names[0] == names[2] != names[1]


def test_a_version_that_is_being_written_changes_nothing_meanwhile(
    folder: Path, clock: Clock
) -> None:
    """Not even to the version before, while its manifest is half written in place."""
    store = open_store(folder, clock)
    manifest = folder / "v3" / MANIFEST
    manifest.write_bytes(manifest.read_bytes()[:10])
    clock.now_s = manifest.stat().st_mtime + 0.5

    assert store.refresh() == []
    assert served(store) == ["three"]


def test_an_alias_moves_at_once_while_another_version_is_being_copied(
    folder: Path, clock: Clock
) -> None:
    """A rollback waits for nothing but the file of aliases."""
    point_alias(folder, "champion", "v3")
    store = open_store(folder, clock)
    point_alias(folder, "champion", "v2")
    clock.now_s = (folder / "aliases.json").stat().st_mtime + 5
    write_word(folder / "v4", "four")

    assert [type(change) for change in store.refresh()] == [Swap]
    assert served(store) == ["two"]


def test_a_shadow_is_loaded_beside_the_champion_and_goes_when_its_alias_goes(
    folder: Path, clock: Clock
) -> None:
    point_alias(folder, "champion", "v1")
    point_alias(folder, "shadow", "v2")
    store = open_store(folder, clock, others=("shadow",))
    assert (served(store), served(store, "shadow")) == (["one"], ["two"])

    (folder / "aliases.json").write_text('{"champion": "v1"}')
    (change,) = store.refresh()

    assert isinstance(change, Swap)
    assert (change.alias, change.after) == ("shadow", ())
    assert (served(store), served(store, "shadow")) == (["one"], [])


def test_a_promoted_shadow_is_not_loaded_again(folder: Path, clock: Clock) -> None:
    point_alias(folder, "champion", "v1")
    point_alias(folder, "shadow", "v2")
    store = open_store(folder, clock, others=("shadow",))
    (shadow,) = store.version("shadow").models

    point_alias(folder, "champion", "v2")
    store.refresh()

    assert store.champion.models == (shadow,)


def test_a_bad_shadow_does_not_keep_a_worker_from_starting_and_is_told(
    folder: Path, clock: Clock
) -> None:
    write_word(folder / "v2", "broken")
    point_alias(folder, "champion", "v1")
    point_alias(folder, "shadow", "v2")
    store = open_store(folder, clock, others=("shadow",))

    (change,) = store.refresh()

    assert isinstance(change, Refusal)
    assert (change.alias, change.kept) == ("shadow", ())
    assert served(store) == ["one"]
    assert store.refresh() == []


def test_one_version_of_a_flat_folder_has_no_shadow(tmp_path: Path, clock: Clock) -> None:
    write_word(tmp_path, "only")
    store = open_store(tmp_path, clock, others=("shadow",))

    assert (served(store), served(store, "shadow")) == (["only"], [])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "damaged"),
        (b'{"champion": 2}', "damaged"),
        (b"\xff", "damaged"),
        (b'{"champion": "v9"}', "v9"),
        (b'{"champion": "../elsewhere"}', "not a sub-folder"),
    ],
)
def test_bad_aliases_are_refused_once_and_everything_stays(
    folder: Path, clock: Clock, content: bytes, reason: str
) -> None:
    point_alias(folder, "champion", "v2")
    store = open_store(folder, clock)
    (folder / "aliases.json").write_bytes(content)

    (change,) = store.refresh()

    assert isinstance(change, Refusal)
    assert reason in change.reason
    assert store.refresh() == []
    assert served(store) == ["two"]

    point_alias_anew(folder, "v1")
    assert [type(change) for change in store.refresh()] == [Swap]


def point_alias_anew(folder: Path, version: str) -> None:
    (folder / "aliases.json").unlink()
    point_alias(folder, "champion", version)


def test_a_version_that_an_alias_waited_for_is_taken_up_when_it_comes(
    folder: Path, clock: Clock
) -> None:
    store = open_store(folder, clock)
    (folder / "aliases.json").write_text('{"champion": "v4"}')
    assert [type(change) for change in store.refresh()] == [Refusal]

    write_word(folder / "v4", "four")

    assert [type(change) for change in store.refresh()] == [Swap]
    assert served(store) == ["four"]


def test_files_that_may_still_be_written_are_left_for_later(tmp_path: Path, clock: Clock) -> None:
    write_word(tmp_path, "old")
    store = open_store(tmp_path, clock)
    write_word(tmp_path, "new")
    clock.now_s = (tmp_path / MANIFEST).stat().st_mtime + 0.5

    assert store.refresh() == []
    clock.now_s += LATER_S
    assert [type(change) for change in store.refresh()] == [Swap]


def test_what_the_system_refuses_is_tried_again_without_a_change(
    tmp_path: Path, clock: Clock
) -> None:
    failures = [OSError("too many open files"), OSError("too many open files")]

    def load(manifest: Path) -> WordModel:
        if manifest.read_bytes().startswith(b'{"name":"new"') and failures:
            raise failures.pop()
        return load_word(manifest)

    write_word(tmp_path, "old")
    store = VersionedStore(str(tmp_path), KIND, load, now=clock)
    write_word(tmp_path, "new")

    changes = [store.refresh() for _ in range(4)]

    assert [[type(change) for change in each] for each in changes] == [[Refusal], [], [Swap], []]


def test_models_that_cannot_serve_together_are_refused(tmp_path: Path, clock: Clock) -> None:
    def check(loaded: Mapping[Path, WordModel]) -> None:
        if len(loaded) > 1:
            raise ModelIntegrityError("one is enough")

    write_word(tmp_path, "one")
    store = VersionedStore(str(tmp_path), KIND, load_word, check=check, now=clock)
    write_word(tmp_path, "two", stem="other")

    (change,) = store.refresh()

    assert isinstance(change, Refusal)
    assert change.reason == f"one is enough; calls go on with {change.kept[0]}"
    assert served(store) == ["one"]


def test_a_folder_that_is_gone_leaves_the_model_in_place(folder: Path, clock: Clock) -> None:
    store = open_store(folder, clock)
    shutil.rmtree(folder)

    assert [type(change) for change in store.refresh()] == [Refusal]
    assert store.refresh() == []
    assert served(store) == ["three"]


@pytest.mark.parametrize("name", ["", "missing", "missing.json"])
def test_a_missing_model_says_what_to_do(tmp_path: Path, clock: Clock, name: str) -> None:
    with pytest.raises(ModelNotFoundError, match=r"no word model at .*: write one with"):
        open_store(tmp_path / name, clock)


def test_calls_are_served_while_another_thread_refreshes(tmp_path: Path, clock: Clock) -> None:
    """Whoever asks gets one whole version, the one before or the one after."""
    write_word(tmp_path, "0", stem="a")
    write_word(tmp_path, "0", stem="b")
    store = open_store(tmp_path, clock)
    seen: set[tuple[str, ...]] = set()
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            seen.add(tuple(model.word for model in store.champion.models))

    thread = threading.Thread(target=ask)
    thread.start()
    swaps = 0
    for number in range(1, 30):
        for stem in ("a", "b"):
            write_word(tmp_path, str(number), stem=stem)
        swaps += len(store.refresh())
    is_over.set()
    thread.join(timeout=10)

    assert not thread.is_alive()
    assert swaps == 29
    assert all(first == second for first, second in seen)


def test_two_promotions_at_once_are_both_kept(folder: Path) -> None:
    with ThreadPoolExecutor() as pool:
        for _ in range(30):
            pairs = [("champion", "v1"), ("shadow", "v2"), ("other", "v3")]
            list(pool.map(lambda pair: point_alias(folder, *pair), pairs))
            assert read_aliases(folder) == dict(pairs)
            (folder / "aliases.json").unlink()

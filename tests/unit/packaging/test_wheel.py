"""The wheel carries all it needs, and works where there is no checkout."""

import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import orjson
import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
PACKAGES = ("schemas", "models", "training", "stream_app")
# In the source distribution alone
HELD_OUT = ("training/classification/held_out/", "training/analytics/held_out/")
METADATA = ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")
DEMO_TIMEOUT_S = 240


def run(*command: str | Path, cwd: Path, timeout_s: float = 120) -> str:
    """Return what a command wrote; it must succeed."""
    answer = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "HOME": str(cwd), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-2000:] + answer.stderr[-4000:]
    return answer.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the tree, so that nothing is left in it."""
    tree = tmp_path_factory.mktemp("tree")
    for name in METADATA:
        shutil.copy(ROOT / name, tree)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet")
    run(sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", "dist", ".", cwd=tree)
    (built,) = (tree / "dist").glob("callstream-*.whl")
    return built


@pytest.fixture(scope="module")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment that holds the wheel, and borrows our dependencies."""
    folder = tmp_path_factory.mktemp("elsewhere") / "environment"
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install")
    run(*pip, "--no-deps", "--no-index", "--quiet", wheel, cwd=folder)
    borrowed = sysconfig.get_path("purelib")  # a path in a .pth file: editable installs stay out
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    (Path(site.strip()) / "borrowed.pth").write_text(borrowed + "\n")
    return folder


def test_every_file_of_the_packages_but_held_out_calls_is_in_the_wheel(wheel: Path) -> None:
    files = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    left_out = {name for name in files if name.startswith(HELD_OUT) and not name.endswith(".py")}
    carried = set(zipfile.ZipFile(wheel).namelist())

    assert {name for name in files if name.endswith("py.typed")}
    assert {folder for folder in HELD_OUT for name in left_out if name.startswith(folder)} == {
        *HELD_OUT
    }
    assert sorted(files - carried) == sorted(left_out)
    assert any(name.endswith("licenses/LICENSE") for name in carried)


def test_the_wheel_holds_no_tests_and_stays_small(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.partition("/")[0].partition("-")[0] for name in names} <= {*PACKAGES, "callstream"}
    assert wheel.stat().st_size < 100 * 2**20


def test_the_command_works_away_from_the_checkout(installation: Path) -> None:
    elsewhere = installation.parent
    python = installation / "bin" / "python"
    origin = run(python, "-c", "import stream_app; print(stream_app.__file__)", cwd=elsewhere)

    assert Path(origin.strip()).is_relative_to(installation)
    commands = run(installation / "bin" / "callstream", "--help", cwd=elsewhere)
    assert {"demo", "replay", "worker", "topics", "train"} <= set(commands.split())


def test_the_demo_runs_away_from_the_checkout(installation: Path) -> None:
    command = (installation / "bin" / "callstream", "demo", "--speed", "max", "--json")
    output = run(*command, cwd=installation.parent, timeout_s=DEMO_TIMEOUT_S)

    schemas = [orjson.loads(line).get("schema") for line in output.splitlines()]
    assert schemas.count("finalized_call.v1") == 1
    assert "transcript_final.v1" in schemas
    assert "turn_ended.v1" in schemas

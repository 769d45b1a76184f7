"""The page about a new agent, applied to a copy of the tree as a newcomer would, and run."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "adding_an_agent.md"
BLOCK = re.compile(r'^```(\w+) title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
COPIED = ("schemas", "stream_app", "tests/contract", "tests/support", "tests/unit/agents")
LINKED = ("models", "docker")
GENERATED = (
    "schemas/json/call_sentiment.v1.json",
    "tests/contract/golden/call_sentiment.v1.json",
)
TIMEOUT_S = 120


@dataclass(frozen=True)
class Block:
    """A file of the page, or a change of one that exists."""

    kind: str
    path: str
    text: str

    def apply(self, root: Path) -> None:
        """Write the file, or change it at each place that the block shows."""
        path = root / self.path
        if self.kind == "python":
            assert not path.exists()
            path.write_text(self.text)
            return
        text = path.read_text()
        for hunk in self.text.split("@@\n"):
            before, after = _sides(hunk)
            assert text.count(before) == 1, f"{self.path} has not one place for:\n{hunk}"
            text = text.replace(before, after)
        path.write_text(text)


def _sides(hunk: str) -> tuple[str, str]:
    """Return the lines of a hunk before and after; an addition alone stands before its context."""
    lines = hunk.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] in " -")
    return before, "".join(line[1:] for line in lines if line[0] in " +")


def blocks() -> list[Block]:
    return [Block(*found) for found in BLOCK.findall(PAGE.read_text())]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree to which the page was applied."""
    root = tmp_path_factory.mktemp("tree")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    for name in LINKED:
        (root / name).symlink_to(ROOT / name)
    for name in ("pyproject.toml", "tests/__init__.py"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, root / name)
    for block in blocks():
        block.apply(root)
    run(root, "-m", "tests.contract.examples")
    run(root, "-m", "schemas.export")
    return root


def run(root: Path, *arguments: str) -> str:
    """Return what a command in the copy prints."""
    finished = subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def test_what_the_page_adds_passes_its_own_test_and_those_that_guard_messages_and_agents(
    tree: Path,
) -> None:
    paths = ("tests/unit/agents/test_sentiment_agent.py", "tests/unit/agents/test_registry.py")
    contracts = ("catalogue", "messages", "schema_export")

    shown = run(
        tree,
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not survive and not whatever"),
        *paths,
        *(f"tests/contract/test_{name}.py" for name in contracts),
    )

    assert " passed" in shown
    assert "failed" not in shown


def test_the_agent_is_in_the_copy_alone(tree: Path) -> None:
    """And the tests above have run on the copy."""
    script = "from stream_app.agents.registry import AGENTS, __file__; print(__file__, AGENTS[-1])"

    assert run(tree, "-c", script).split() == [
        f"{tree}/stream_app/agents/registry.py",
        "sentiment",
    ]
    assert not (ROOT / "stream_app/agents/sentiment.py").exists()


def test_the_page_counts_its_files(tree: Path) -> None:
    touched = {block.path for block in blocks()}

    assert f"| {len(touched)}, and {len(GENERATED)} that commands write |" in PAGE.read_text()
    assert all((tree / path).exists() for path in GENERATED)


def test_the_code_of_the_page_keeps_to_our_rules(tree: Path) -> None:
    written = [block.path for block in blocks() if block.kind == "python"]

    run(tree, "-m", "ruff", "check", *written)
    run(tree, "-m", "ruff", "format", "--check", *written)

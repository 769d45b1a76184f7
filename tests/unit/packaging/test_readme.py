"""What README.md and docs/ tell a reader to type, to set or to open exists, and runs."""

import ast
import itertools
import os
import re
import subprocess
import sys
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any, TypeGuard

import pytest
import typer

from schemas.catalogue import (
    AUDIO,
    CHECKPOINTS,
    DAY_MS,
    FINALIZED,
    TOPICS,
    TRANSCRIPTS,
    TURNS,
)
from stream_app.api.http.metrics import ApiMetrics
from stream_app.cli.app import app
from stream_app.monitoring.metrics import Metrics
from stream_app.settings import Settings, load_settings
from tests.support.markdown import Page, read_page

ROOT = Path(__file__).parents[3]
CALLSTREAM = str(Path(sys.executable).parent / "callstream")
FIRST_PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
CARDS = sorted((ROOT / "models" / "weights").glob("*/README.md"))
OPERATIONS, DESIGN = (read_page(ROOT / "docs" / f"{n}.md", ROOT) for n in ("operations", "design"))
PAGES = [read_page(path, ROOT) for path in (*FIRST_PAGES, *CARDS)]
FOLDERS = (
    *("schemas", "models", "stream_app", "training", "benchmarks"),
    *("tests", "docs", "docker", ".ci"),
)
SUFFIXES = (".py", ".md", ".toml", ".yaml", ".json", ".png")
OF_A_RUN = (
    "runs/",
    "my-",
    "aliases.",
    "model_metadata.",
    "/",
)  # what a reader makes, or has elsewhere
RUNNABLE = (  # commands that need neither data nor a broker nor a network
    ["version"],
    ["models", "list"],
    ["models", "verify"],
    ["schemas", "export"],
)
SETTING = re.compile(r"CALLSTREAM_[A-Z]+__[A-Z_]+[A-Z]")
EVENT = re.compile(r"\b(?:log\.\w+|Tell)\(\s*\"([a-z_]+\.[a-z_]+)\"")
MODEL_LOOK = re.compile(r"\bModelLook\([^)]*\"(\w+)\"\)")  # logs under its subject
MISSING_MODELS = re.compile(r"\bMissingModels\([^)]*\"([a-z_]+\.missing)\"")
NAME = re.compile(r"[A-Z][a-z]\w+(\.[a-z]\w+)?|[a-z]+_[a-z_]+")
OPTION = re.compile(r"--[a-z][a-z0-9-]*")


def our_commands() -> list[tuple[str, list[str]]]:
    """Return page and arguments of each `callstream` command in a block of code."""
    return [(p.name, words[1:]) for p in PAGES for words in p.commands if words[0] == "callstream"]


def parse(arguments: list[str]) -> None:
    """Have the real command line parse arguments; nothing runs.

    Raises:
        typer.BadParameter: Or another usage error: there is no such command, option or value.
    """
    name, command, parent = "callstream", typer.main.get_command(app), None
    try:
        while command is not None:
            parent = _context(command, name, arguments, parent)
            name, command, arguments = _next(parent)
    except typer.Exit as ended:
        if ended.exit_code != 0:  # --help ends with 0
            raise


def _next(context: Any) -> tuple[str, Any, list[str]]:
    """Return the sub-command that follows in the arguments of a group, None behind a command."""
    if not hasattr(context.command, "resolve_command"):
        return "", None, []
    rest = [*context._protected_args, *context.args]
    name, command, arguments = context.command.resolve_command(context, rest)
    return name, command, arguments


def _context(command: Any, name: str, arguments: list[str], parent: Any, **extra: Any) -> Any:
    """Return the context of a command, which imports the command itself."""
    return command.make_context(name, arguments, parent=parent, **extra)


def options_of(words: list[str]) -> set[str]:
    """Return the options of the command that words begin with."""
    root = typer.main.get_command(app)
    context = _context(root, "callstream", [], None, resilient_parsing=True)
    for name in words:
        if not hasattr(context.command, "resolve_command"):
            break
        command = context.command.get_command(context, name)
        assert command is not None, f"there is no command '{' '.join(words)}'"
        context = _context(command, name, [], context, resilient_parsing=True)
    parameters = context.command.params
    return {option for each in parameters for option in (*each.opts, *each.secondary_opts)}


@pytest.mark.parametrize(
    "arguments",
    [pytest.param(words, id=f"{name}: {' '.join(words)}") for name, words in our_commands()],
)
def test_a_command_in_a_block_of_code_parses(arguments: list[str]) -> None:
    parse(arguments)


def test_the_readme_shows_commands() -> None:
    """A README whose blocks are no longer found would pass every other test."""
    shown = {words[0] for name, words in our_commands() if name == "README.md"}
    assert shown >= {"broker", "topics", "worker", "watch", "replay"}
    assert ["make", "demo"] in PAGES[0].commands


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_command_in_a_sentence_exists(page: Page) -> None:
    for span in page.spans:
        if span.startswith("callstream "):
            _check_span(span)


def _check_span(span: str) -> None:
    """Check commands and options; `callstream train turns | turns-evaluate` names two commands."""
    first, *others = span.split(" | ")
    words = first.split()
    names = list(itertools.takewhile(lambda word: re.fullmatch(r"[a-z][a-z-]*", word), words[1:]))
    assert set(OPTION.findall(span)) <= options_of(names) | {"--help"}
    for other in others:
        options_of([*names[:-1], other])


@pytest.mark.parametrize(
    "arguments",
    [words for _, words in our_commands() if words[:2] in RUNNABLE and "--folder" not in words],
    ids=" ".join,
)
def test_a_command_that_needs_nothing_runs(arguments: list[str], tmp_path: Path) -> None:
    answer = subprocess.run(
        [CALLSTREAM, *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_is_named_exists(page: Page) -> None:
    known = {
        f"CALLSTREAM_{part}__{name}".upper()
        for part, field in Settings.model_fields.items()
        for name in getattr(field.annotation, "model_fields", ())
    }
    assert set(SETTING.findall(page.text)) <= known


@pytest.mark.parametrize(
    ("name", "value"), sorted({pair for page in PAGES for pair in page.assignments})
)
def test_every_value_that_is_set_is_accepted(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLSTREAM_KAFKA__SASL_USERNAME", "somebody")  # what SASL asks for besides
    monkeypatch.setenv(name, value)
    load_settings()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_exists(page: Page) -> None:
    named = {word for code in (*page.blocks, *page.spans) for word in code.split()}
    paths = {
        word.strip(";:()'\"").rstrip(".,")
        for word in named
        if "/" in word or word.endswith(SUFFIXES)
    }
    missing = {path for path in paths if _is_ours(path) and not _exists(path)}
    assert missing == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Page) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.text)
    folder = (ROOT / page.name).parent
    assert [link for link in links if not (folder / link).exists()] == []


def test_every_alert_has_a_heading_for_whoever_is_on_duty() -> None:
    rules = re.findall(r"- alert: (\w+)", (ROOT / "docker" / "alerts.yaml").read_text())
    headings = re.findall(r"^### (Callstream\w+)$", OPERATIONS.text, re.MULTILINE)
    assert rules
    assert sorted(headings) == sorted(rules)


def test_every_anchor_of_the_page_for_operations_exists() -> None:
    headings = re.findall(r"^#+ (.+)$", OPERATIONS.text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", OPERATIONS.text)) <= anchors


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_metric_that_is_named_exists(page: Page) -> None:
    named = set(re.findall(r"\bcallstream_[a-z_]+[a-z]\b", page.text))
    assert named - _metrics() == set()


@cache
def _metrics() -> frozenset[str]:
    """Return the names of the metrics, with what Prometheus adds to them."""
    registries = (Metrics("toy").registry, ApiMetrics().registry)
    families = [family for registry in registries for family in registry.collect()]
    suffixes = ("", "_total", "_sum", "_count", "_bucket")
    return frozenset(f"{family.name}{suffix}" for family in families for suffix in suffixes)


def test_every_logged_event_is_explained_and_no_other() -> None:
    """Both ways: what a log shows is in the table, and what is in the table is logged."""
    sources = [*(ROOT / "stream_app").rglob("*.py"), *(ROOT / "models").rglob("*.py")]
    texts = [path.read_text() for path in sources]
    logged = {
        event for text in texts for each in (EVENT, MISSING_MODELS) for event in each.findall(text)
    }
    subjects = {subject for text in texts for subject in MODEL_LOOK.findall(text)}
    logged |= {f"{subject}.{change}" for subject in subjects for change in ("swapped", "refused")}
    table = OPERATIONS.text.partition("| event | level | says |")[2].partition("\n\n")[0]
    explained = {event for row in table.splitlines() for event in _events(row)}
    assert explained == logged


def _events(row: str) -> list[str]:
    return re.findall(r"`([a-z_]+\.[a-z_]+)`", row.split("|")[1]) if row.count("|") > 1 else []


def test_retentions_are_those_of_the_catalogue() -> None:
    kept = dict(re.findall(r"^\| `(calls\.[\w.]+)`.*?\| (\d+) days", OPERATIONS.text, re.MULTILINE))
    wanted = {spec.name: str(spec.retention_ms // DAY_MS) for spec in TOPICS}
    assert set(kept) >= {AUDIO, TRANSCRIPTS, TURNS, FINALIZED, CHECKPOINTS}
    assert kept == {name: wanted[name] for name in kept}


def test_every_class_and_function_in_the_design_exists() -> None:
    """`CallInput.insert` is a method of a class, `feed_all` a function, `Emit` a class."""
    defined = _definitions()
    named = {span for span in DESIGN.spans if NAME.fullmatch(span)}
    assert len(named) > 20
    assert sorted(named - defined) == []


def _definitions() -> set[str]:
    """Return the classes, methods, functions and modules of the source code."""
    defined: set[str] = set()
    for package in ("schemas", "models", "stream_app", "training"):
        for path in (ROOT / package).rglob("*.py"):
            defined.add(path.stem)
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.ClassDef):
                    defined |= {f"{node.name}.{each.name}" for each in node.body if _is_def(each)}
                if isinstance(node, ast.ClassDef) or _is_def(node):
                    defined.add(node.name)
    return defined


def _is_def(node: ast.stmt) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def _is_ours(path: str) -> bool:
    """Return whether a word is a path of the repository, from its root or below a folder named."""
    if path.startswith((*OF_A_RUN, *(f"CALLSTREAM_{part}" for part in ("", "__")))) or "=" in path:
        return False
    is_below = path.startswith(tuple(f"{folder}/" for folder in FOLDERS))
    return is_below or (bool(re.fullmatch(r"[\w*{},./-]+", path)) and path.endswith(SUFFIXES))


def _exists(path: str) -> bool:
    return all(_is_there(each.rstrip("/")) for each in _spelled_out(path))


def _spelled_out(path: str) -> list[str]:
    """Return the paths that `models/{asr,vad}/x.py` stands for."""
    found = re.fullmatch(r"(.*)\{([^{}]*)\}(.*)", path)
    if found is None:
        return [path]
    return [f"{found[1]}{part}{found[3]}" for part in found[2].split(",")]


def _is_there(path: str) -> bool:
    """Return whether a path ends like that; `*`, NNNN and NAME stand for what a reader puts."""
    pattern = path.replace("NNNN", "[0-9]" * 4).replace("NAME", "*")
    if pattern == path and "*" not in path:
        return path in _ends_of_paths()
    return any(fnmatch(end, pattern) for end in _ends_of_paths())


@cache
def _ends_of_paths() -> frozenset[str]:
    """Return every path of the repository, whole and without its first folders."""
    inside = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    paths = (path.relative_to(ROOT).parts for path in (*ROOT.iterdir(), *inside))
    return frozenset("/".join(parts[i:]) for parts in paths for i in range(len(parts)))

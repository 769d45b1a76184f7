"""Commands are known by name and help at once, and imported when they run."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
import typer
from typer.testing import CliRunner, Result

from benchmarks.cli import COMMANDS as BENCHMARKS
from stream_app.cli import root
from stream_app.cli.app import COMMANDS, app
from stream_app.cli.loading import CommandTable, load_command

BAKERY = "a_bakery"  # a module that a test makes


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def register(monkeypatch: pytest.MonkeyPatch, value: str, **content: object) -> None:
    """Register the command ``bake``, behind a module of this content."""
    module = ModuleType(BAKERY)
    vars(module).update(content)
    monkeypatch.setitem(sys.modules, BAKERY, module)
    entry_point = EntryPoint("bake", value, root.COMMAND_GROUP)
    monkeypatch.setattr(root, "_registered", lambda: {"bake": entry_point})


def rows(prefix: str, table: CommandTable) -> Iterator[tuple[str, str, str]]:
    """Yield name, target and help of every command, those of tables below a table too."""
    for name, (target, short_help) in table.items():
        yield f"{prefix}{name}", target, short_help
        if ":" not in target:
            yield from rows(f"{prefix}{name} ", import_module(target).COMMANDS)


ROWS = [*rows("", COMMANDS)]


@pytest.mark.parametrize(("name", "target", "short_help"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_says_what_the_command_says_itself(name: str, target: str, short_help: str) -> None:
    command = load_command(name, target)

    assert command.get_short_help_str(limit=1_000) == short_help


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_row_of_the_benchmarks_says_what_the_function_says(name: str) -> None:
    """By its source: what a benchmark imports takes seconds."""
    target, short_help = BENCHMARKS[name]
    module, _, function = target.partition(":")
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None

    tree = ast.parse(Path(spec.origin).read_text())

    (found,) = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == function]
    assert (ast.get_docstring(found) or "").partition("\n\n")[0].split() == short_help.split()


def test_help_imports_nothing_but_the_tables() -> None:
    """Half a second is what people wait for a list of commands."""
    script = (
        "import sys; sys.argv = ['callstream', '--help']\n"
        "from stream_app.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'faust', 'aiokafka', 'numpy', 'soundfile', 'torch', 'pydantic', 'onnxruntime'}\n"
        "ours = {target.partition(':')[0] for target, _ in sys.modules['stream_app.cli.app']"
        ".COMMANDS.values()}\n"
        "print('IMPORTED', sorted((heavy | ours) & set(sys.modules)))"
    )

    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout

    assert shown.splitlines()[-1] == "IMPORTED []"


def test_a_group_without_a_command_shows_what_it_has() -> None:
    result = run("topics")

    assert result.exit_code == 2
    assert "Create and describe the topics." in result.output
    assert "describe" in result.output


def test_a_registered_application_is_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    further = typer.Typer(help="Bakes.")

    @further.command()
    def bread() -> None:
        typer.echo("baked")

    register(monkeypatch, f"{BAKERY}:app", app=further)

    assert "Bakes." in run("--help").stdout
    assert run("bake", "bread").stdout == "baked\n"


def test_a_registered_table_is_a_group_whose_commands_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def bread(loaves: int = 1) -> None:
        """Bake bread."""
        typer.echo(f"baked {loaves}")

    commands = {
        "bread": (f"{BAKERY}:bread", "Bake bread."),
        "cake": ("not_to_be_imported:cake", "Bake cake."),
        "more": (BAKERY, "Bake more."),
    }
    register(monkeypatch, BAKERY, HELP="Bakes.", COMMANDS=commands, bread=bread)

    assert "Bakes." in run("--help").stdout
    shown = run("bake", "--help").stdout
    assert [name for name in commands if name in shown] == list(commands)
    assert run("bake", "bread", "--loaves", "2").stdout == "baked 2\n"
    assert run("bake", "more", "bread").stdout == "baked 1\n"
    assert run("bake", "bread", "--loafs", "2").stderr == (
        "callstream: No such option: --loafs (Possible options: --loaves); "
        "see callstream bake bread --help\n"
    )


def test_a_command_whose_package_is_missing_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "jiwer", None)  # what Python does for `import jiwer` then
    register(monkeypatch, BAKERY, HELP="Bakes.", COMMANDS={"bread": ("jiwer:bake", "Bake bread.")})

    result = run("bake", "bread", "recipe.toml", "--set", "a=1")

    assert result.exit_code == 1
    assert "`callstream bread` cannot run: the package jiwer is missing" in result.stderr
    assert "pip install 'callstream[train]'" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_registered_group_that_cannot_be_imported_is_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    register(monkeypatch, "psutil:app")
    monkeypatch.setitem(sys.modules, "psutil", None)

    result = run("bake", "bread", "--set", "a=1")

    assert result.exit_code == 1
    assert "pip install 'callstream[bench]'" in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Not installed: needs the extra 'bake'." in run("--help").stdout


def test_our_commands_win_over_registered_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    entry_point = EntryPoint("version", "not_to_be_imported:app", root.COMMAND_GROUP)
    monkeypatch.setattr(root, "_registered", lambda: {"version": entry_point})

    assert run("version").exit_code == 0

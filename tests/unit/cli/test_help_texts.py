"""Help texts show what they say, whatever stands in brackets."""

import inspect
import re
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from stream_app.cli import root
from stream_app.cli.app import app

WIDE = {"COLUMNS": "250", "TERM": "dumb"}
FRAMES = re.compile(r"[\s│╭╮╰╯─]+")
BAKERY = "a_bakery_of_help"


def shown(*arguments: str) -> str:
    """Return what a command prints, without spaces and frames."""
    return FRAMES.sub("", CliRunner().invoke(app, [*arguments, "--help"], env=WIDE).output)


def written(command: Any) -> Iterator[str]:
    """Yield the paragraphs of a command's help and those of its options, as they are written."""
    texts = [command.help, *(getattr(each, "help", None) for each in command.params)]
    for text in texts:
        for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text or "")):
            yield re.sub(r"\\(\[)", r"\1", paragraph)


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command of ours by its words, imported."""
    yield path, command
    for name in command.list_commands(None) if hasattr(command, "list_commands") else ():
        found = command.get_command(None, name)
        yield from commands(found._load() if hasattr(found, "_load") else found, (*path, name))


def test_no_help_of_any_command_loses_a_word() -> None:
    """Of the training and of the benchmarks too, with those of their options."""
    everything = dict(commands(typer.main.get_command(app)))

    lost = [
        (path, text)
        for path, command in everything.items()
        for output in [shown(*path)]
        for text in written(command)
        if FRAMES.sub("", text) not in output
    ]

    assert lost == []
    assert {("train", "turns-export"), ("benchmark", "quality"), ("topics", "create")} <= {
        *everything
    }


def test_words_in_brackets_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the list of commands, in the help of a command, in that of an option and an argument."""

    def bread(
        flour: Annotated[str, typer.Argument(help="Needs callstream[flour]; [a/b] or [/].")],
        loaves: Annotated[int, typer.Option(help="How many [bold]loaves[/bold], [1..9].")] = 1,
    ) -> None:
        """Bake [rye] bread.

        With callstream[oven,bakery] and MODEL[@CONTEXT][=BACKEND].
        """
        typer.echo(f"{flour} {loaves}")

    module = ModuleType(BAKERY)
    vars(module).update(
        HELP="Bakes with [wood].",
        COMMANDS={"bread": (f"{BAKERY}:bread", "Bake [rye] bread.")},
        bread=bread,
    )
    monkeypatch.setitem(sys.modules, BAKERY, module)
    entry_point = EntryPoint("bake", BAKERY, root.COMMAND_GROUP)
    monkeypatch.setattr(root, "_registered", lambda: {"bake": entry_point})

    assert "Bakeswith[wood]." in shown()
    assert "Bake[rye]bread." in shown("bake")
    said = shown("bake", "bread")
    for text in (
        "Bake[rye]bread.",
        "Withcallstream[oven,bakery]andMODEL[@CONTEXT][=BACKEND].",
        "Needscallstream[flour];[a/b]or[/].",
        "Howmany[bold]loaves[/bold],[1..9].",
    ):
        assert text in said

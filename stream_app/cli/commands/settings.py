"""`callstream settings`: every setting, what is in effect and where it comes from."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from stream_app.cli.failures import USAGE, failed
from stream_app.logs.printable import printable
from stream_app.settings import load_settings
from stream_app.settings.reference.entries import SettingEntry, entries


def settings(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="Only those whose variable has this in it.")
    ] = "",
    *,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only those that the environment sets.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show every setting: variable, value in effect, source, default and meaning.

    All of them are variables of the environment. Passwords are hidden.
    """
    wanted = name.upper().replace(".", "__")
    found = [entry for entry in entries(load_settings()) if wanted in entry.variable]
    if not found:
        raise failed(USAGE, f"no setting has '{name}' in its name; see callstream settings")
    shown = [entry for entry in found if entry.source != "default" or not changed]
    if as_json:
        content = orjson.dumps([asdict(entry) for entry in shown], option=orjson.OPT_INDENT_2)
        typer.echo(content.decode().replace("`", ""))
    elif shown:
        _print(shown)
    else:
        typer.echo("the environment sets none: all have their defaults")


def _print(shown: Sequence[SettingEntry]) -> None:
    console = Console(highlight=False)
    for entry in shown:
        line = Text(f"{entry.variable}=", style="bold").append(printable(entry.value), "cyan")
        default = printable(entry.default) or "empty"
        note = "default" if entry.source == "default" else f"environment; default: {default}"
        console.print(line.append(f"  ({note})", "dim"), overflow="fold")
        console.print(Padding(Text(f"{entry.meaning} [{entry.values}]".replace("`", "")), (0, 4)))

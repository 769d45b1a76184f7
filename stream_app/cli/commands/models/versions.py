"""`callstream models list|show|compare|promote|rollback`, of models that have versions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import orjson
import typer
from msgspec.structs import asdict
from rich.table import Table

from models.console import text_console
from models.store.history import ModelHistory, RowsUsed, Session, read_history
from models.store.layout import CHAMPION, SHADOW, end_shadow, point_alias, read_aliases
from models.store.numbered import (
    champion_of,
    find_version,
    known_versions,
    roll_back,
)
from schemas.errors import ConfigurationError

VersionedKind = Literal["classification", "analytics"]
# By which versions of a kind are compared
SCORES: dict[VersionedKind, str] = {"classification": "eval_avg_acc", "analytics": "eval_score"}
KindArgument = Annotated[VersionedKind, typer.Argument(help="Kind of the model.")]
VersionsOption = Annotated[
    Path, typer.Option("--folder", help="Folder with a sub-folder for each version.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
VersionArgument = Annotated[str, typer.Argument(help="Its name or number: helpline3, v3 or 3.")]


class ListedVersion(msgspec.Struct, frozen=True):
    """A row of the list.

    Attributes:
        version: Name of its folder.
        aliases: That mean it; ``champion`` serves.
        score: On the frozen validation set; None where no session is recorded.
        began_at: Of its training.
        start: What it started from.
    """

    version: str
    aliases: tuple[str, ...]
    score: float | None
    began_at: str
    start: str


def show(
    kind: KindArgument,
    version: Annotated[
        str, typer.Argument(help="Its name or number; by default the one that serves.")
    ] = "",
    *,
    folder: VersionsOption,
    as_json: JsonOption = False,
) -> None:
    """Show how a version was made: rows, start, figures, and why it was kept."""
    del kind
    name = find_version(folder, version) if version else _champion(folder)
    session = _session(read_history(folder), name, folder)
    if as_json:
        typer.echo(_json(session))
        return
    typer.echo(f"{name}: session {session.number}, {session.began_at}, {session.label_set}")
    typer.echo(f"started from {session.start}; {session.reason}")
    for purpose, rows in session.data.items():
        typer.echo(f"{purpose}: {rows.rows:,} rows, {rows.fingerprint[:12]}")
    columns = {name: session.metrics}
    if session.champion:
        columns[f"{session.champion} then"] = session.champion_metrics
    text_console().print(_metrics_table(columns))


def compare(
    kind: KindArgument,
    first: VersionArgument,
    second: VersionArgument,
    *,
    folder: VersionsOption,
    as_json: JsonOption = False,
) -> None:
    """Show the figures of two versions side by side."""
    del kind
    history = read_history(folder)
    names = [find_version(folder, each) for each in (first, second)]
    sessions = [_session(history, name, folder) for name in names]
    rows: list[RowsUsed | None] = [each.data.get("validation") for each in sessions]
    columns = {name: each.metrics for name, each in zip(names, sessions, strict=True)}
    if as_json:
        typer.echo(_json({"same_validation": rows[0] == rows[1], "versions": columns}))
        return
    text_console().print(_metrics_table(columns))
    if rows[0] != rows[1]:
        typer.echo("note: they were measured on different validation sets, so eval_ figures differ")


def promote(
    kind: KindArgument,
    version: VersionArgument,
    *,
    folder: VersionsOption,
    alias: Annotated[
        Literal["champion", "shadow"],
        typer.Option("--as", help="champion serves, shadow runs beside it."),
    ] = "champion",
) -> None:
    """Let a version serve; running workers follow. A shadow that is promoted is none any more."""
    del kind
    name = find_version(folder, version)
    was_shadow = alias == CHAMPION and (read_aliases(folder) or {}).get(SHADOW) == name
    point_alias(folder, alias, name)
    typer.echo(f"{alias}: {name}{', no longer shadow' if was_shadow else ''}")


def end_shadow_version(kind: KindArgument, *, folder: VersionsOption) -> None:
    """Let no version run in shadow any more; running workers follow."""
    del kind
    known_versions(folder)
    before = end_shadow(folder)
    typer.echo(f"shadow: none, no longer {before}" if before else "shadow: none, as before")


def roll_back_version(kind: KindArgument, *, folder: VersionsOption) -> None:
    """Let the version before the one that serves serve again; running workers follow."""
    del kind
    before, after = roll_back(folder)
    typer.echo(f"champion: {after}, no longer {before}")


def folder_of(folder: Path | None) -> Path:
    """Return the folder that was given.

    Raises:
        ConfigurationError: None was.
    """
    if folder is None:
        raise ConfigurationError("give the folder of the versions with --folder")
    return folder


def print_versions(kind: VersionedKind, folder: Path, *, as_json: bool) -> None:
    """Print the versions in a folder, the newest first.

    Raises:
        ConfigurationError: There are none.
        ModelIntegrityError: The aliases or the history are damaged.
    """
    rows, score = list_versions(folder, SCORES[kind]), SCORES[kind]
    if as_json:
        typer.echo(_json([_named_score(row, score) for row in rows]))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("version", "serves as", score, "trained", "started from"):
        table.add_column(title, no_wrap=True)
    for row in rows:
        reached = "" if row.score is None else f"{row.score:.2%}"
        table.add_row(row.version, ", ".join(row.aliases), reached, row.began_at, row.start)
    text_console().print(table)
    for alias, name in (read_aliases(folder) or {}).items():
        if name not in {row.version for row in rows}:
            typer.echo(f"{alias}: {name}, which is not there: promote another", err=True)


def _named_score(row: ListedVersion, score: str) -> dict[str, object]:
    """Return a row with its score under the score's own name, in its place."""
    return {score if name == "score" else name: value for name, value in asdict(row).items()}


def list_versions(folder: Path, score: str) -> list[ListedVersion]:
    """Return the versions in a folder with the figure of that name, the newest first."""
    names, history = known_versions(folder), read_history(folder)
    aliases = {CHAMPION: champion_of(folder)} | (read_aliases(folder) or {})
    rows = []
    for name in reversed(names):
        session = None if history is None else history.session_of(name)
        rows.append(
            ListedVersion(
                name,
                tuple(alias for alias, meant in aliases.items() if meant == name),
                None if session is None else session.metrics.get(score),
                "" if session is None else session.began_at,
                "" if session is None else session.start,
            )
        )
    return rows


def _champion(folder: Path) -> str:
    return champion_of(folder) or known_versions(folder)[-1]


def _session(history: ModelHistory | None, version: str, folder: Path) -> Session:
    session = None if history is None else history.session_of(version)
    if session is None:
        raise ConfigurationError(f"{folder} has no record of how {version} was trained")
    return session


def _metrics_table(columns: Mapping[str, Mapping[str, float]]) -> Table:
    """Return figures side by side, with the difference where there are two."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("figure", no_wrap=True)
    has_difference = len(columns) == 2  # noqa: PLR2004  a difference is of two
    for title in (*columns, *(["difference"] if has_difference else [])):
        table.add_column(title, justify="right", no_wrap=True)
    names = dict.fromkeys(name for figures in columns.values() for name in figures)
    for name in names:
        values = [figures.get(name) for figures in columns.values()]
        cells = ["" if value is None else f"{value:.4f}" for value in values]
        if has_difference:
            first, second = values
            both = first is not None and second is not None
            cells.append(f"{second - first:+.4f}" if both else "")  # type: ignore[operator]
        table.add_row(name, *cells)
    return table


def _json(content: object) -> str:
    values = msgspec.to_builtins(content)
    return orjson.dumps(values, option=orjson.OPT_INDENT_2).decode()

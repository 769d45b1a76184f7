"""`callstream models drift classification`: what live answers say of a model."""

import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import orjson
import typer
from rich.table import Table

from models.classification.label_set import load_label_set
from models.classification.live.drift import LOOK_FROM
from models.console import text_console
from schemas.errors import MissingExtraError
from stream_app.cli.moments import parse_moment
from stream_app.cli.options import BrokersOption, settings_for
from stream_app.cli.running import quiet_libraries, run_until_signal
from stream_app.drift.report import LiveReport, Windows, report_live

REPORT_NAME, FIGURE_NAME = "drift.json", "drift.png"
FIGURE_MODULE = "stream_app.drift.figure"  # imported where a figure is drawn: needs matplotlib
_MOST_DISAGREEMENTS = 20


def drift(
    kind: Annotated[Literal["classification"], typer.Argument(help="Kind of the model.")],
    label_set: Annotated[
        str, typer.Option("--label-set", help="Name of one that ships, or the path of a TOML file.")
    ],
    since: Annotated[
        str, typer.Option("--since", help="Begin of the window that is looked at: 24h, 7d, a date.")
    ] = "24h",
    until: Annotated[str, typer.Option("--until", help="Its end; by default now.")] = "0m",
    reference: Annotated[
        str,
        typer.Option(
            "--reference",
            help="Begin of the window before it that counts as normal; by default one as long.",
        ),
    ] = "",
    look_from: Annotated[
        float, typer.Option("--look-from", min=0.0, help="Stability index that says: look.")
    ] = LOOK_FROM,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for drift.json and drift.png.")
    ] = None,
    brokers: BrokersOption = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare live answers with those before, with a shadow's, and with corrections.

    The answers are those on the topic. Calls are named by their ids; no text is shown.
    """
    del kind
    quiet_libraries()
    windows = windows_of(since, until, reference, time.time_ns() // 1_000_000)
    kafka, labels = settings_for(brokers).kafka, load_label_set(label_set)
    report = run_until_signal(lambda: report_live(kafka, labels, windows, look_from=look_from))
    if as_json:
        typer.echo(_json(report))
    else:
        print_report(report)
    if out is not None:
        for path in write_report(report, out):
            typer.echo(str(path), err=as_json)


def windows_of(since: str, until: str, reference: str, now_ms: int) -> Windows:
    """Return the windows that options mean.

    Raises:
        typer.BadParameter: A moment cannot be read, or a window is empty.
    """
    begin, end = parse_moment(since, now_ms), parse_moment(until, now_ms)
    first = parse_moment(reference, now_ms) if reference else begin - (end - begin)
    if not first < begin < end:
        message = "--reference must be before --since, and --since before --until"
        raise typer.BadParameter(message)
    return Windows((first, begin), (begin, end))


def write_report(report: LiveReport, folder: Path) -> Iterator[Path]:
    """Yield the files that were written; without matplotlib the figure is left out and told."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / REPORT_NAME
    path.write_text(_json(report) + "\n", "utf-8")
    yield path
    try:
        draw = import_module(FIGURE_MODULE).draw_report
    except MissingExtraError as error:
        typer.echo(f"no figure: {error}", err=True)
        return
    draw(report, folder / FIGURE_NAME)
    yield folder / FIGURE_NAME


def print_report(report: LiveReport) -> None:
    """Print what has shifted, how champion and shadow agree, and what corrections say."""
    reference, recent = report.calls
    served = ", ".join(report.models) or "no model"
    typer.echo(f"{recent:,} calls by {served}, after {reference:,} of the reference window")
    console = text_console()
    console.print(_drift_table(report))
    if report.agreement is not None:
        console.print(_agreement_table(report))
        for one in report.agreement.disagreements[:_MOST_DISAGREEMENTS]:
            champion, shadow = ", ".join(one.champion), ", ".join(one.shadow)
            typer.echo(f"{one.call_id}  {one.task}: {champion}, shadow: {shadow}")
        further = len(report.agreement.disagreements) - _MOST_DISAGREEMENTS
        if further > 0:
            typer.echo(f".. and {further:,} more: --json or --out has them all")
    for model, tasks in report.corrected.items():
        for task, rate in tasks.items():
            typer.echo(f"{model}  {task}: {rate.count:,} of {rate.calls:,} corrected calls right")
    typer.echo(f"look at: {', '.join(report.look_at)}" if report.look_at else "no large shift")


def _drift_table(report: LiveReport) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("distribution", no_wrap=True)
    for title in ("stability index", "by chance", "Jensen-Shannon"):
        table.add_column(title, justify="right")
    table.add_column("")
    shifts = {"abstentions": report.drift.abstentions}
    for name, task in report.drift.tasks.items():
        shifts |= {f"labels of {name}": task.labels, f"confidences of {name}": task.confidences}
    for name, shift in shifts.items():
        figures = (f"{each:.3f}" for each in (shift.psi, shift.chance, shift.js_divergence))
        table.add_row(name, *figures, "look" if shift.is_large else "")
    return table


def _agreement_table(report: LiveReport) -> Table:
    assert report.agreement is not None
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("task", "calls with a shadow", "agree", "95 %"):
        table.add_column(title, justify="left" if title == "task" else "right")
    for task, rate in report.agreement.tasks.items():
        interval = f"{100 * rate.low:.1f}-{100 * rate.high:.1f}"
        table.add_row(task, f"{rate.calls:,}", f"{rate.share:.1%}", interval)
    return table


def _json(report: LiveReport) -> str:
    return orjson.dumps(msgspec.to_builtins(report), option=orjson.OPT_INDENT_2).decode()

"""`callstream feedback`: what people say of the answers of models."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from models.classification.label_set import load_label_set
from models.console import text_console
from schemas.catalogue import encode
from schemas.classification import LabelCorrected
from stream_app.cli.options import BrokersOption, settings_for
from stream_app.cli.running import quiet_libraries, run_until_signal
from stream_app.feedback.correction import Said, correct_label
from stream_app.feedback.export import export_feedback
from stream_app.feedback.topic import holding, read_all_corrections, write_correction
from stream_app.logs.printable import printable

LabelSetOption = Annotated[
    str, typer.Option("--label-set", help="Name of one that ships, or the path of a TOML file.")
]
NS_PER_S = 1_000_000_000

app = typer.Typer(
    no_args_is_help=True,
    help="Correct the labels of calls; list corrections; export corrected calls for training.",
)


@app.command()
def correct(
    call_id: Annotated[str, typer.Argument(help="Of the call on the topics.")],
    *,
    label_set: LabelSetOption,
    task: Annotated[str, typer.Option(help="Of the label set, such as sub_category.")],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who says so.")],
    label: Annotated[
        list[str] | None,
        typer.Option(help="That holds, in any spelling; again for a task with several."),
    ] = None,
    nothing: Annotated[
        bool, typer.Option("--none", help="No label of the task holds; in place of --label.")
    ] = False,
    evidence: Annotated[
        list[str] | None, typer.Option(metavar="TURN", help="Id of a turn that shows it; again.")
    ] = None,
    note: Annotated[str, typer.Option(help="In your words; no part of any training.")] = "",
    brokers: BrokersOption = None,
) -> None:
    """Say what a call is in one respect, in place of the model.

    The latest correction of a call and task holds.
    """
    if bool(label) == nothing:
        raise typer.BadParameter("give the labels that hold, or --none", param_hint="--label")
    quiet_libraries()
    said = Said(
        call_id=call_id, task=task, labels=label or (), by=by, evidence=evidence or (), note=note
    )
    correction = correct_label(load_label_set(label_set), said)
    kafka = settings_for(brokers).kafka
    run_until_signal(lambda: write_correction(kafka, correction))
    labels = ", ".join(correction.labels) or "none"
    typer.echo(f"{printable(call_id)}: {correction.task} is {labels}")


@app.command("list")
def list_corrections(
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Also those that a later one has replaced.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One correction a line, as it stands on the topic.")
    ] = False,
    brokers: BrokersOption = None,
) -> None:
    """List the corrections that hold, the oldest first."""
    quiet_libraries()
    kafka = settings_for(brokers).kafka
    found = run_until_signal(lambda: read_all_corrections(kafka))
    shown = found if every else holding(found)
    if as_json:
        for correction in shown:
            typer.echo(encode(correction))
    elif shown:
        text_console().print(_table(shown))
    else:
        typer.echo("no corrections")


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", help="File of the rows, new or to be continued.")],
    label_set: LabelSetOption,
    brokers: BrokersOption = None,
) -> None:
    """Write corrected calls, with the labels that hold, as rows that training reads.

    Calls of an earlier export that are no longer on the topic stay in the file. It holds what was
    said in calls: only its owner may read it.
    """
    quiet_libraries()
    kafka = settings_for(brokers).kafka
    labels = load_label_set(label_set)
    export = run_until_signal(lambda: export_feedback(kafka, labels, out))
    typer.echo(f"{out}: {len(export.exported.rows):,} corrected calls")
    _tell("calls left out", export.exported.left_out)
    _tell("corrections left out", export.unusable)


def _tell(what: str, counts: Mapping[str, int]) -> None:
    for why, count in sorted(counts.items()):
        typer.echo(f"{what}: {count:,} {why}")


def _table(corrections: Sequence[LabelCorrected]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("call", no_wrap=True)
    for title in ("label set", "task", "labels", "by", "when (UTC)"):
        table.add_column(title)
    for each in corrections:
        labels = ", ".join(each.labels) or "none"
        texts = (each.call_id, each.label_set, each.task, labels, each.corrected_by)
        when = datetime.fromtimestamp(each.captured_at_ns / NS_PER_S, UTC)
        table.add_row(*map(printable, texts), f"{when:%Y-%m-%d %H:%M}")
    return table

"""`callstream feedback`: what people say of the answers of models."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from models.classification.label_set import load_label_set
from stream_app.cli.options import BrokersOption, settings_for
from stream_app.cli.running import quiet_libraries, run_until_signal
from stream_app.feedback.export import export_feedback

app = typer.Typer(no_args_is_help=True, help="Corrections of labels.")


@app.callback()
def _group() -> None:
    """Keep the command's name also while it is the only one."""


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", help="File of the rows, new or to be continued.")],
    label_set: Annotated[
        str, typer.Option("--label-set", help="Name of one that ships, or the path of a TOML file.")
    ],
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

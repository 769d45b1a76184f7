"""``callstream train turns-export``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from models.console import text_console
from training.commands.options import TURNS_WORK, file_name
from training.text.quantise import Scales
from training.turns.export.exporter import Exported, ExportOptions, export_models


def export_turns(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders of trained models: general, domain ..")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for graph, tokenizer, manifest.")],
    work: Annotated[
        Path, typer.Option("--data", help="Work folder of the run, with its prepared data.")
    ] = TURNS_WORK,
    name: Annotated[
        str, typer.Option("--name", callback=file_name, help="Name of the model.")
    ] = "callstream-turns-en",
    scales: Annotated[
        Scales,
        typer.Option(
            "--scales", help="Scales of int8 activations: for each token, or fixed (faster)."
        ),
    ] = "rows",
    least_agreement: Annotated[
        float,
        typer.Option(
            "--least-agreement",
            min=0,
            max=1,
            help="Least agreement of int8 with fp32, on test texts.",
        ),
    ] = 0.97,
    *,
    fp32: Annotated[bool, typer.Option("--fp32/--no-fp32", help="Keep the fp32 graph too.")] = True,
) -> None:
    """Export trained models of the turn detection to ONNX, in fp32 and int8, and compare them."""
    options = ExportOptions(
        name=name, scales=scales, least_agreement=least_agreement, keep_fp32=fp32
    )
    for exported in export_models(folders, out, work, options):
        text_console().print(_table(exported))


def _table(exported: Exported) -> Table:
    title = f"{exported.manifest}  {exported.size_bytes / 1e6:.2f} MB"
    table = Table("variant", "precision", "texts", "agreement", "mean", "largest", title=title)
    table.add_column("accuracy")
    for precision, parities in (("fp32", exported.fp32), ("int8", exported.int8)):
        for variant, parity in parities.items():
            table.add_row(
                variant,
                precision,
                f"{parity.texts:,}",
                f"{parity.label_agreement:.2%}",
                f"{parity.mean_difference:.5f}",
                f"{parity.largest_difference:.5f}",
                f"{parity.accuracy_before:.2%} -> {parity.accuracy:.2%}",
            )
    return table

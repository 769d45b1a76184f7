"""``callstream train turns-export``: trained models become what the live path loads."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.failures import failed

if TYPE_CHECKING:
    from training.turns.export.exporter import Exported

export_app = typer.Typer()


class ScaleKind(StrEnum):
    """Scales of int8 activations."""

    fixed = "fixed"
    rows = "rows"


@export_app.command("turns-export")
def export_turns_command(  # noqa: PLR0913, PLR0917, typer options
    folders: Annotated[
        list[Path], typer.Argument(help="Folders of trained models: general, domain ..")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for graph, tokenizer, manifest.")],
    work: Annotated[
        Path, typer.Option("--data", help="Work folder of the run, with its prepared data.")
    ] = Path("runs/turns"),
    name: Annotated[str, typer.Option("--name", help="Of the model.")] = "callstream-turns-en",
    scales: Annotated[
        ScaleKind,
        typer.Option(
            "--scales", help="Of int8 activations: one for each token, or fixed (faster)."
        ),
    ] = ScaleKind.rows,
    least_agreement: Annotated[
        float,
        typer.Option("--least-agreement", min=0, max=1, help="Of int8 with fp32, on test texts."),
    ] = 0.97,
    *,
    fp32: Annotated[bool, typer.Option("--fp32/--no-fp32", help="Keep the fp32 graph too.")] = True,
) -> None:
    """Export trained models of the turn detection to ONNX, in fp32 and int8, and compare them."""
    from schemas.errors import CallstreamError  # noqa: PLC0415
    from training.turns.export.exporter import ExportOptions, export_turns  # noqa: PLC0415

    options = ExportOptions(
        name=name, scales=scales.value, least_agreement=least_agreement, keep_fp32=fp32
    )
    try:
        exported = export_turns(folders, out, work, options)
    except (CallstreamError, OSError) as error:
        raise failed(error) from error
    _show(exported)


def _show(exported: list[Exported]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    for one in exported:
        title = f"{one.manifest}  {one.size_bytes / 1e6:.2f} MB"
        table = Table("variant", "precision", "texts", "agreement", "mean", "largest", title=title)
        table.add_column("accuracy")
        for precision, parities in (("fp32", one.fp32), ("int8", one.int8)):
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
        Console().print(table)

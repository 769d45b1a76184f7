"""``callstream train analytics-export``."""

from pathlib import Path
from typing import Annotated

import typer

from training.analytics.adapters.conversion import AdapterForm
from training.analytics.adapters.gguf_adapter import Precision
from training.analytics.export.exporter import ExportOptions, export_adapter
from training.commands.options import file_name


def export_analytics(
    run: Annotated[Path, typer.Argument(help="Folder of a run, with its adapter and report.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for adapter, guide, card, manifest.")],
    evaluation: Annotated[
        Path | None, typer.Option("--evaluation", help="Report of an evaluation of the adapter.")
    ] = None,
    name: Annotated[
        str,
        typer.Option(
            "--name", callback=file_name, help="Of the version; by default that of its guide."
        ),
    ] = "",
    precision: Annotated[
        Precision, typer.Option("--precision", help="Of the matrices of the GGUF adapter.")
    ] = "f32",
    largest_mb: Annotated[
        float, typer.Option("--largest-mb", min=0, help="That the GGUF adapter may have.")
    ] = 12.0,
    *,
    peft: Annotated[bool, typer.Option("--peft", help="Write the form of PEFT too.")] = False,
    mlx: Annotated[bool, typer.Option("--mlx", help="Write the form of MLX too.")] = False,
) -> None:
    """Write the adapter of a run as a version that serves: GGUF, guide, card, manifest."""
    wanted: dict[AdapterForm, bool] = {"peft": peft, "mlx": mlx}
    forms = tuple(form for form, is_wanted in wanted.items() if is_wanted)
    options = ExportOptions(name, precision, largest_mb, forms)
    exported = export_adapter(run, out, options, evaluation)
    typer.echo(f"{exported.manifest}  {exported.adapter_bytes / 1e6:.2f} MB")

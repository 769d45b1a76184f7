"""``callstream train classification-export``."""

from pathlib import Path
from typing import Annotated

import typer

from training.classification.experiment import export_classifier
from training.classification.export.exporter import ExportOptions
from training.commands.options import CLASSIFICATION_WORK, file_name


def export_classification(
    model: Annotated[Path, typer.Argument(help="Folder of a trained model.")],
    out: Annotated[
        Path, typer.Option("--out", help="Folder for graph, tokenizer, label set, manifest, card.")
    ],
    data: Annotated[
        Path, typer.Option("--data", help="Work folder of the run, with its prepared rows.")
    ] = CLASSIFICATION_WORK,
    name: Annotated[
        str,
        typer.Option(
            "--name", callback=file_name, help="Name of the model; by default that of its recipe."
        ),
    ] = "",
    least_agreement: Annotated[
        float,
        typer.Option(
            "--least-agreement",
            min=0,
            max=1,
            help="Least share of test windows on which int8 and the network agree, in every task.",
        ),
    ] = 0.95,
    *,
    fp32: Annotated[
        bool, typer.Option("--fp32/--no-fp32", help="Keep the fp32 graph too.")
    ] = False,
) -> None:
    """Export a trained classification model to ONNX in int8, compare and measure it."""
    options = ExportOptions(name=name, least_agreement=least_agreement, keep_fp32=fp32)
    exported = export_classifier(model, out, data, options)
    shares = ", ".join(
        f"{task} {share:.2%}" for task, share in exported.int8.label_agreement.items()
    )
    typer.echo(f"{exported.manifest}  {exported.size_bytes / 1e6:.2f} MB")
    typer.echo(
        f"int8 gives the labels of the network on {exported.int8.windows:,} windows: {shares}"
    )

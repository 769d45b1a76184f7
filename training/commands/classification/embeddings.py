"""``callstream train classification-embeddings``."""

from pathlib import Path
from typing import Annotated

import typer

from training.classification.corpus.rows import read_rows, rows_path
from training.classification.similarity.embeddings import write_embeddings
from training.classification.similarity.report import report_similarity, write_report
from training.commands.options import CLASSIFICATION_WORK
from training.core.devices import torch_threads

RESULTS_FOLDER = "results"


def embed_classification(
    manifest: Annotated[Path, typer.Argument(help="Manifest of an exported model.")],
    data: Annotated[
        Path, typer.Option("--data", help="Work folder of the run, with its prepared rows.")
    ] = CLASSIFICATION_WORK,
    encoder: Annotated[
        str,
        typer.Option(
            "--encoder",
            help="Sentence encoder to compare calls with, such as minilm; by default the logits.",
        ),
    ] = "",
) -> None:
    """Write the category embeddings of an exported model, and report errors by near labels.

    The model gives a second opinion from then on. The report is on the validation rows.
    """
    with torch_threads(1):
        folder = write_embeddings(manifest, read_rows(rows_path(data, "train")), encoder=encoder)
        report = report_similarity(manifest, read_rows(rows_path(data, "validation")))
    results = data / RESULTS_FOLDER / manifest.stem
    results.mkdir(parents=True, exist_ok=True)
    page = write_report(results, report)
    size = sum(file.stat().st_size for file in folder.iterdir())
    typer.echo(f"{folder}  {size / 1e6:.2f} MB")
    typer.echo(
        f"{report.task}: {report.wrong:,} of {report.calls:,} calls wrong, "
        f"{report.wrong_and_near:,} of them given a near label"
    )
    typer.echo(
        f"second opinion: right on {report.second_right:,}, differs on {report.differ:,}, of which "
        f"{report.differ_and_wrong:,} are answered wrongly"
    )
    typer.echo(str(page))

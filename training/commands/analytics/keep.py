"""``callstream train analytics-keep``."""

from pathlib import Path
from typing import Annotated

import typer

from models.analytics.backends.choice import BackendName, BackendOptions
from models.store.numbered import champion_of
from training.analytics.corpus.files import read_split
from training.analytics.evaluation.keeping import Candidate, keep_if_better
from training.analytics.evaluation.opening import guide_of, manifest_of
from training.analytics.evaluation.running import EvaluationOptions, measured_on_validation
from training.analytics.evaluation.sets import VALIDATION, data_used
from training.commands.analytics.usage import missing_data_is_wrong_usage
from training.commands.options import ANALYTICS_WORK, file_name


@missing_data_is_wrong_usage()
def keep_model(
    model: Annotated[Path, typer.Argument(help="Manifest of a new adapter, or its folder.")],
    folder: Annotated[
        Path, typer.Option("--folder", help="Folder of the versions, made where there is none.")
    ],
    data: Annotated[
        Path, typer.Option("--data", help="Folder with the splits, or of a run with data/.")
    ] = ANALYTICS_WORK,
    name: Annotated[
        str,
        typer.Option("--name", callback=file_name, help="Of the versions, without their number."),
    ] = "contact-centre",
    backend: Annotated[
        BackendName, typer.Option("--backend", help="What runs the models.")
    ] = "onnx",
    *,
    new_validation: Annotated[
        bool, typer.Option("--new-validation", help="Compare on a validation set that has changed.")
    ] = False,
) -> None:
    """Make a new adapter the next version if it is better on the frozen validation set."""
    path, options = manifest_of(model), EvaluationOptions(backend=BackendOptions(name=backend))
    candidate = Candidate(path, folder, name, guide_of(path).versioned_name)
    session = keep_if_better(
        candidate,
        data_used(read_split(data, VALIDATION)),
        lambda manifest: measured_on_validation(manifest, data, options),
        accepts_validation=new_validation,
    )
    if not session.is_kept:
        typer.echo(f"not kept: {session.reason}")
        return
    typer.echo(f"kept as {folder / session.version}: {session.reason}")
    serving = champion_of(folder)
    if serving != session.version:
        typer.echo(
            f"{serving} serves by its alias: callstream models promote analytics "
            f"{session.version} --folder {folder}"
        )

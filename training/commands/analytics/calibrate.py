"""``callstream train analytics-calibrate``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from models.analytics.backends.choice import BackendName, BackendOptions
from models.console import text_console
from schemas.errors import ConfigurationError
from training.analytics.export.calibrating import MIN_CLAIMS, MIN_OF_EACH, calibrate
from training.commands.analytics.usage import missing_data_is_wrong_usage
from training.commands.options import ANALYTICS_WORK


@missing_data_is_wrong_usage()
def calibrate_model(
    model: Annotated[Path, typer.Argument(help="Manifest of an adapter, or its folder.")],
    data: Annotated[
        Path, typer.Option("--data", help="Folder with the splits, or of a run with data/.")
    ] = ANALYTICS_WORK,
    backend: Annotated[
        BackendName, typer.Option("--backend", help="What runs the model.")
    ] = "onnx",
) -> None:
    """Fit an adapter's confidences to how often it is right, on the validation calls."""
    found = calibrate(model, data, BackendOptions(name=backend))
    if not found:
        raise ConfigurationError(
            f"too few validation calls: a task needs {MIN_CLAIMS} answers, {MIN_OF_EACH} of them "
            f"right and {MIN_OF_EACH} wrong"
        )
    table = Table(title="calibration error of answers that the line was not fitted on")
    for column in ("task", "answers", "before", "after", "slope", "intercept"):
        table.add_column(column, justify="left" if column == "task" else "right")
    for task, each in found.items():
        errors = (f"{each.error_before:.3f}", f"{each.error_after:.3f}")
        line = (f"{each.line.slope:.3f}", f"{each.line.intercept:.3f}")
        table.add_row(task, f"{each.claims:,}", *errors, *line)
    text_console().print(table)

"""The figures of a classification model on the terminal."""

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from models.console import text_console
from training.classification.evaluation.results import Evaluation


def print_evaluation(evaluation: Evaluation) -> None:
    """Print every task on every split, and the figures that are targets of their own."""
    text_console().print(_table(evaluation))
    for name, split in evaluation.splits.items():
        typer.echo(f"{name}: mean accuracy {split.avg_acc}")
        for target, figure in split.targets.items():
            typer.echo(f"{name}: {target} {figure}")


def _table(evaluation: Evaluation) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("on", "task"):
        table.add_column(name, no_wrap=True)
    for name in ("calls", "accuracy", "macro F1", "calibration error", "keywords"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, split in evaluation.splits.items():
        for task, result in split.tasks.items():
            best = max((kind.get(task, 0.0) for kind in split.baselines.values()), default=0.0)
            table.add_row(
                name,
                task,
                f"{result.figures.rows:,}",
                str(result.figures.accuracy),
                str(result.figures.macro_f1),
                f"{result.calibration_error:.3f}",
                f"{best:.1%}",
            )
    return table

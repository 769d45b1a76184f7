"""The figures of a model of call analytics on the terminal."""

from collections.abc import Sequence

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from models.console import text_console
from training.analytics.evaluation.outcomes import Outcome
from training.analytics.evaluation.results import Report, SetResult


def print_report(report: Report) -> None:
    """Print the figures of each model on each set, beside targets and baselines."""
    for kind, model in report.models.items():
        for name, result in model.sets.items():
            typer.echo(
                f"{kind} {model.model} on {name}: {result.calls:,} calls, valid {result.valid}, "
                f"eval_score {result.score:.4f}"
            )
            text_console().print(_table(result))


def _table(result: SetResult) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("figure", no_wrap=True)
    baselines = tuple(
        dict.fromkeys(name for each in result.metrics.values() for name in each.baselines)
    )
    for title in ("model", "target", *baselines):
        table.add_column(title, justify="right", no_wrap=True)
    for each in result.metrics.values():
        table.add_row(
            each.title,
            str(each.figure),
            "" if each.target is None else f"{each.target:.0%}",
            *(
                f"{each.baselines[name].value:.1%}" if name in each.baselines else ""
                for name in baselines
            ),
        )
    return table


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Print whether calls got valid answers, and these."""
    for each in outcomes:
        took_s = each.prompt_s + each.answer_s
        what = each.text if each.is_valid else each.answered.reason
        typer.echo(
            f"{each.answered.example.id}: {'valid' if each.is_valid else 'no answer'}, "
            f"{took_s:.1f} s: {what}"
        )

"""`callstream backfill`: answers again for calls that are over."""

import time
from typing import Annotated

import typer

from stream_app.backfill.classify import Backfill, Done, Span
from stream_app.classification import load_models
from stream_app.cli.failures import FAILURE
from stream_app.cli.moments import parse_moment
from stream_app.cli.options import BrokersOption, settings_for
from stream_app.cli.running import quiet_libraries, run_until_signal
from stream_app.logs.printable import printable

_MOST_FAILURES = 20

app = typer.Typer(
    no_args_is_help=True,
    help="Classify calls that are over again, with the present version of a model.",
)


@app.callback()
def _group() -> None:
    """Answer calls that are over again."""


@app.command()
def classify(
    since: Annotated[
        str, typer.Option("--since", help="Calls finalized from then on: 24h, 7d, 2w, a date.")
    ],
    until: Annotated[str, typer.Option("--until", help="And before then; by default now.")] = "0m",
    brokers: BrokersOption = None,
) -> None:
    """Classify finalized calls again with the models that the settings name now.

    Calls that the same version has answered, and calls that are to be left alone, are passed over:
    the command may be stopped and repeated. It raises no alerts.
    """
    quiet_libraries()
    now_ms = time.time_ns() // 1_000_000
    span = Span(parse_moment(since, now_ms), parse_moment(until, now_ms))
    if span.begin_ms >= span.end_ms:
        raise typer.BadParameter("--since must be before --until", param_hint="--since")
    settings = settings_for(brokers)
    part = settings.classification
    work = Backfill(settings.kafka, load_models(part), max_batch=part.max_batch)
    done = run_until_signal(lambda: work.run(span))
    for line in lines_of(done):
        typer.echo(line)
    for call_id, reason in list(done.failed.items())[:_MOST_FAILURES]:
        typer.echo(f"{printable(call_id)}: {reason}", err=True)
    if done.failed:
        raise typer.Exit(FAILURE)


def lines_of(done: Done) -> list[str]:
    """Return what is printed of a backfill."""
    lines = [f"{done.written.total():,} calls classified"]
    for reason, count in sorted(done.written.items()):
        if reason:
            lines.append(f"  {count:,} of them abstained from: {reason}")
    if done.failed:
        lines.append(f"{len(done.failed):,} for which the model failed")
    return [*lines, *(f"{count:,} passed over: {why}" for why, count in sorted(done.left.items()))]

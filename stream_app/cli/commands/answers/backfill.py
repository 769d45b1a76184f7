"""`callstream backfill`: answers again for calls that are over."""

import time
from typing import Annotated

import typer

from stream_app.analytics import calendar_of
from stream_app.analytics import load_models as load_analytics
from stream_app.backfill.analyze import AnalyzeAgain
from stream_app.backfill.classify import ClassifyAgain
from stream_app.backfill.finalized_calls import Span
from stream_app.backfill.work import Answerer, Backfill, Done
from stream_app.classification import load_models
from stream_app.cli.failures import FAILURE
from stream_app.cli.moments import parse_moment
from stream_app.cli.options import BrokersOption, settings_for
from stream_app.cli.running import quiet_libraries, run_until_signal
from stream_app.logs.printable import printable
from stream_app.settings import Settings

_MOST_FAILURES = 20

app = typer.Typer(
    no_args_is_help=True,
    help="Classify or analyse calls that are over again, with the present version of a model.",
)


@app.callback()
def _group() -> None:
    """Answer calls that are over again."""


SinceOption = Annotated[
    str, typer.Option("--since", help="Calls finalized from then on: 24h, 7d, 2w, a date.")
]
UntilOption = Annotated[str, typer.Option("--until", help="And before then; by default now.")]


@app.command()
def classify(since: SinceOption, until: UntilOption = "0m", brokers: BrokersOption = None) -> None:
    """Classify finalized calls again with the models that the settings name now.

    Calls that the same version has answered, and calls that are to be left alone, are passed over:
    the command may be stopped and repeated. It raises no alerts.
    """
    quiet_libraries()
    span = _span(since, until)
    settings = settings_for(brokers)
    part = settings.classification
    _run(settings, ClassifyAgain(load_models(part)), part.max_batch, span, "classified")


@app.command()
def analyze(since: SinceOption, until: UntilOption = "0m", brokers: BrokersOption = None) -> None:
    """Analyse finalized calls again with the language model that the settings name now.

    Calls that the same version has answered, and calls that are to be left alone, are passed over:
    the command may be stopped and repeated. It raises no alerts.
    """
    quiet_libraries()
    span = _span(since, until)
    settings = settings_for(brokers)
    part = settings.analytics
    answerer = AnalyzeAgain(load_analytics(part), calendar_of(part))
    _run(settings, answerer, part.max_batch, span, "analysed")


def _span(since: str, until: str) -> Span:
    now_ms = time.time_ns() // 1_000_000
    span = Span(parse_moment(since, now_ms), parse_moment(until, now_ms))
    if span.begin_ms >= span.end_ms:
        raise typer.BadParameter("--since must be before --until", param_hint="--since")
    return span


def _run(settings: Settings, answerer: Answerer, max_batch: int, span: Span, what: str) -> None:
    work = Backfill(settings.kafka, answerer, max_batch=max_batch)
    done = run_until_signal(lambda: work.run(span))
    for line in lines_of(done, what):
        typer.echo(line)
    for call_id, reason in list(done.failed.items())[:_MOST_FAILURES]:
        typer.echo(f"{printable(call_id)}: {reason}", err=True)
    if done.failed:
        raise typer.Exit(FAILURE)


def lines_of(done: Done, what: str) -> list[str]:
    """Return what is printed of a backfill.

    Args:
        done: What became of the calls.
        what: Was done to them.
    """
    lines = [f"{done.written.total():,} calls {what}"]
    for reason, count in sorted(done.written.items()):
        if reason:
            lines.append(f"  {count:,} of them abstained from: {reason}")
    if done.failed:
        lines.append(f"{len(done.failed):,} for which the model failed")
    return [*lines, *(f"{count:,} passed over: {why}" for why, count in sorted(done.left.items()))]

"""The commands of `callstream`; what is heavy is imported when a command runs."""

import sys
from typing import Annotated

import typer

from stream_app.cli import schemas, topics, weights
from stream_app.cli.broker import broker
from stream_app.cli.demo import demo
from stream_app.cli.groups import RootGroup
from stream_app.cli.replay import replay
from stream_app.cli.watch import watch
from stream_app.cli.worker import worker

app = typer.Typer(
    cls=RootGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Live phone calls through Kafka: transcripts, turns and finalized calls.",
)
app.command()(demo)
app.command()(replay)
app.command()(worker)
app.command()(watch)
app.command()(broker)
app.add_typer(topics.app, name="topics")
app.add_typer(weights.app, name="weights")
app.add_typer(schemas.app, name="schemas")


@app.callback()
def _root(
    *,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where an unexpected failure came from.")
    ] = False,
) -> None:
    del traceback  # RootGroup reads it


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as version_of  # noqa: PLC0415

    typer.echo(f"callstream {version_of('callstream')}")


def run() -> None:
    """Run the command line of this process."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a terminal that lacks a character shows another one
            reconfigure(errors="replace")
    app()

"""The commands of `callstream`, by name."""

import sys
from typing import Annotated

import typer

from stream_app.cli.root import RootGroup

HELP = "Live phone calls through Kafka: transcripts, turns and finalized calls."
COMMANDS = {
    "demo": (
        "stream_app.cli.commands.demo:demo",
        "Replay a telephone call through a broker and all agents, and show it live.",
    ),
    "replay": (
        "stream_app.cli.commands.replay:replay",
        "Replay recorded calls as if they came from a telephony gateway.",
    ),
    "worker": (
        "stream_app.cli.commands.worker:worker",
        "Run agents in processes of their own; one that ends is started again.",
    ),
    "serve": (
        "stream_app.cli.commands.serve:serve",
        "Answer HTTP requests: classify and analyse texts, take corrections of labels.",
    ),
    "health": (
        "stream_app.cli.commands.health:health",
        "Ask every agent on this host whether it is ready, one line each.",
    ),
    "calls": (
        "stream_app.cli.commands.calls:calls",
        "List the open calls: age, parties, last audio, which agent is behind.",
    ),
    "watch": (
        "stream_app.cli.commands.watch:watch",
        "Show calls as they happen: partial words, finals, turns.",
    ),
    "broker": (
        "stream_app.cli.commands.broker:broker",
        "Run the embedded Kafka-protocol broker: for development, memory only.",
    ),
    "settings": (
        "stream_app.cli.commands.settings:settings",
        "Show every setting: variable, value in effect, source, default and meaning.",
    ),
    "version": ("stream_app.cli.commands.version:version", "Print the version."),
    "topics": ("stream_app.cli.commands.topics:app", "Create and describe the topics."),
    "models": (
        "stream_app.cli.commands.models.app:app",
        "List, fetch and verify models; compare, promote and roll back versions.",
    ),
    "feedback": (
        "stream_app.cli.commands.answers.feedback:app",
        "Correct the labels of calls; list corrections; export corrected calls for training.",
    ),
    "backfill": (
        "stream_app.cli.commands.answers.backfill:app",
        "Classify or analyse calls that are over again, with the present version of a model.",
    ),
    "analyze": (
        "stream_app.cli.commands.answers.analyze:analyze",
        "Say what one call says of its service, with the language model that the settings name.",
    ),
    "deadletters": (
        "stream_app.cli.commands.dead_letters:app",
        "List and show inputs that were refused, and send them again.",
    ),
    "schemas": ("stream_app.cli.commands.schemas:app", "Export the schemas of the messages."),
}


class Commands(RootGroup):
    """Our own commands; what each needs is imported when it runs."""

    table = COMMANDS


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=HELP,
)


@app.callback()
def _root(
    *,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where an unexpected failure came from.")
    ] = False,
) -> None:
    del traceback  # RootGroup reads it


def run() -> None:
    """Run the command line of this process."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a terminal that lacks a character shows another one
            reconfigure(errors="replace")
    app()

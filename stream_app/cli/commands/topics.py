"""`callstream topics`: what is on the brokers, and what should be."""

from collections.abc import Iterator, Sequence

import typer
from rich.table import Table

from models.console import text_console
from schemas.catalogue import HOUR_MS
from stream_app.cli.failures import FAILURE
from stream_app.cli.options import BrokersOption, settings_for
from stream_app.cli.running import quiet_libraries, run_until_signal
from stream_app.settings import KafkaSettings
from stream_app.transport.topics import TopicState, create_topics, describe_topics

app = typer.Typer(no_args_is_help=True, help="Create and describe the topics.")


@app.command()
def create(brokers: BrokersOption = None) -> None:
    """Create the topics that do not exist; other partition counts are an error.

    Other settings of a topic that exists are named and left as they are.
    """
    quiet_libraries()
    kafka = settings_for(brokers).kafka
    created, states = run_until_signal(lambda: _create(kafka))
    for name in created:
        typer.echo(f"created {name} with {kafka.partitions} partitions")
    notes = [*left_as_they_are(states)]
    for note in notes:
        typer.echo(note)
    if not created and not notes:
        typer.echo("all topics exist")


def left_as_they_are(states: Sequence[TopicState]) -> Iterator[str]:
    """Yield a line for each topic whose settings differ: an operator may have chosen them."""
    for state in states:
        if state.differences:
            yield f"note: {state.name} exists: {'; '.join(state.differences)}; left as it is"


async def _create(kafka: KafkaSettings) -> tuple[tuple[str, ...], tuple[TopicState, ...]]:

    created = await create_topics(kafka)
    return created, await describe_topics(kafka)


@app.command()
def describe(brokers: BrokersOption = None) -> None:
    """Show every topic; the exit code is 1 if one is not as it should be."""
    quiet_libraries()
    kafka = settings_for(brokers).kafka
    states = run_until_signal(lambda: describe_topics(kafka))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("topic", no_wrap=True)
    for title in ("values", "partitions", "replicas", "kept", "differs"):
        table.add_column(title)
    for state in states:
        kept = f"{state.spec.retention_ms // HOUR_MS} h"
        table.add_row(
            state.name,
            state.spec.value_format,
            str(state.partitions),
            str(state.replication_factor),
            f"{kept}, compacted" if state.spec.is_compacted else kept,
            "; ".join(state.differences),
        )
    text_console().print(table)
    if any(state.differences for state in states):
        raise typer.Exit(FAILURE)

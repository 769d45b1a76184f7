"""`callstream broker`: the embedded broker in the foreground."""

import asyncio
from typing import Annotated

import typer

from schemas.errors import BrokerError
from stream_app.cli.options import settings_for
from stream_app.cli.running import quiet_libraries, run_until_signal
from stream_app.settings import Settings
from stream_app.transport.broker import EmbeddedBroker
from stream_app.transport.topics import create_topics

_LOOK_EVERY_S = 1.0


def broker(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = 9092,
    *,
    create_topics: Annotated[
        bool, typer.Option("--topics/--no-topics", help="Create the topics at once.")
    ] = True,
) -> None:
    """Run the embedded Kafka-protocol broker: for development, memory only."""
    quiet_libraries()
    settings = settings_for(None)
    run_until_signal(lambda: _serve(settings, port, has_topics=create_topics))


async def _serve(settings: Settings, port: int, *, has_topics: bool) -> None:

    with EmbeddedBroker(port=port) as embedded:
        servers = embedded.bootstrap_servers
        if has_topics:
            await create_topics(embedded.settings(settings).kafka)
        typer.echo(f"embedded broker at {servers}, memory only: what is on it ends with it")
        host, _, own_port = servers.partition(":")
        await _until_it_ends(host, int(own_port))


async def _until_it_ends(host: str, port: int) -> None:

    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError as error:
            raise BrokerError("the embedded broker ended by itself") from error
        writer.close()
        await asyncio.sleep(_LOOK_EVERY_S)

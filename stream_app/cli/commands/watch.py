"""`callstream watch`: the calls of a running system, live."""

from typing import Annotated

import typer

from models.console import text_console
from stream_app.cli.options import BrokersOption, settings_for
from stream_app.cli.running import quiet_libraries, run_until_signal
from stream_app.live.following import RESULT_TOPICS, follow
from stream_app.settings import KafkaSettings
from stream_app.terminal.screen import Screen, open_screen
from stream_app.terminal.watching import watch as watch_calls


def watch(
    *,
    call: Annotated[
        str, typer.Option(metavar="ID", help="Only this call, with or without its run.")
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="One message a line on stdout, as JSON.")
    ] = False,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Show what is on the topics already.")
    ] = False,
    brokers: BrokersOption = None,
) -> None:
    """Show calls as they happen: partial words, finals, turns."""
    quiet_libraries()
    kafka = settings_for(brokers).kafka
    screen = open_screen(text_console(), text_console(stderr=True), is_json=as_json)
    try:
        run_until_signal(lambda: _watch(kafka, screen, call, is_from_beginning=from_beginning))
    finally:
        screen.close()


async def _watch(
    kafka: KafkaSettings, screen: Screen, call_id: str, *, is_from_beginning: bool
) -> None:
    async with follow(kafka, RESULT_TOPICS, is_from_beginning=is_from_beginning) as follower:
        await watch_calls(follower, screen, call_id)

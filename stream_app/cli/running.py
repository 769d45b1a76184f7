"""Run coroutines so that a signal ends them in good order."""

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import typer

from schemas.errors import CallstreamError
from stream_app.logs.logging import configure_logging

ResultT = TypeVar("ResultT")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SIGNAL_BASE = 128  # what shells report for a process that a signal ended


def run_until_signal(work: Callable[[], Coroutine[Any, Any, ResultT]]) -> ResultT:
    """Return what ``work`` returns; the first signal to stop cancels it, later ones do nothing.

    Raises:
        typer.Exit: A signal stopped it, with 130 for Ctrl-C.
        CallstreamError: Something else cancelled it.
    """
    received: list[int] = []
    try:
        return asyncio.run(_guarded(work, received))
    except asyncio.CancelledError as error:
        if not received:
            raise CallstreamError("the connection to the brokers broke off") from error
        for number in STOP_SIGNALS:  # what remains to be done is cleaning up: let it finish
            signal.signal(number, signal.SIG_IGN)
        raise typer.Exit(_SIGNAL_BASE + received[0]) from None


async def _guarded(
    work: Callable[[], Coroutine[Any, Any, ResultT]], received: list[int]
) -> ResultT:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def stop(number: int) -> None:
        if not received and task is not None:
            task.cancel()
        received.append(number)

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop, number)
    return await work()


def quiet_libraries() -> None:
    """Keep logs and the Kafka client from writing lines of their own: what matters is raised."""
    configure_logging("error")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)

"""Whether an agent is live and ready, and the HTTP server that tells it beside the metrics."""

import errno
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from stream_app.agents.registry import PORTS_PER_ROUND
from stream_app.monitoring.host_health import LIVE_PATH, READY, READY_PATH, ROUNDS

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


STANDS_STILL = "the event loop stands still"


class Health:
    """The state of an agent, read from other threads.

    It is live while its event loop turns. It is ready while it has its partitions and their
    checkpoints, and the brokers answer.

    Args:
        agent: Named in every answer, so that a check can say which one is ill.
        max_silence_s: An agent whose event loop stood still for longer is not live.
        clock_s: The monotonic clock.
    """

    def __init__(
        self, agent: str, max_silence_s: float, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.agent = agent
        self._max_silence_s = max_silence_s
        self._clock_s = clock_s
        self._turned_s = clock_s()
        self._problem = "starts"

    def note(self, problem: str = "") -> None:
        """Take in that the event loop turns, and what keeps calls from being served."""
        self._turned_s = self._clock_s()
        self._problem = problem

    @property
    def is_live(self) -> bool:
        """Whether the event loop turns."""
        return self._clock_s() - self._turned_s <= self._max_silence_s

    @property
    def is_ready(self) -> bool:
        """Whether it turns, and calls are served."""
        return not self.problem

    @property
    def problem(self) -> str:
        """Why it is not ready, empty if it is."""
        return self._problem if self.is_live else STANDS_STILL


class _SilentHandler(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Write nothing: a line for each scrape would be most of the log."""


class _Server(ThreadingWSGIServer):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        host, port = arguments[0]
        self.address_family = socket.getaddrinfo(host, port)[0][0]
        super().__init__(*arguments, **options)


def serve_health_nearby(
    host: str, first: int, registry: CollectorRegistry, health: Health
) -> int | None:
    """Answer on a port, or on that of the next round that is free; see `serve_health`.

    Returns:
        The port; None where none is free.

    Raises:
        OSError: The host is not one of this machine's.
    """
    for number in range(ROUNDS):
        try:
            return serve_health(host, first + number * PORTS_PER_ROUND, registry, health)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    return None


def serve_health(host: str, port: int, registry: CollectorRegistry, health: Health) -> int:
    """Answer ``/metrics``, ``/healthz`` and ``/readyz``, from a thread of its own.

    Returns:
        The port; one that is free where ``port`` is 0.

    Raises:
        OSError: The port cannot be had.
    """
    metrics = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path not in {LIVE_PATH, READY_PATH}:
            body: Iterable[bytes] = metrics(environ, start_response)
            return body
        is_well = health.is_live if path == LIVE_PATH else health.is_ready
        status = "200 OK" if is_well else "503 Service Unavailable"
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{health.agent}: {health.problem or READY}\n".encode()]

    server = make_server(host, port, answer, _Server, handler_class=_SilentHandler)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return int(server.server_port)

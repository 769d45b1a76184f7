"""Whether a worker lives and is ready, and the HTTP server that says so beside its metrics."""

import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

LIVE_PATH, READY_PATH = "/healthz", "/readyz"

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class Health:
    """What a worker says of its own state, read from other threads.

    It lives while its event loop turns. It is ready while it has its partitions and their
    checkpoints, and the brokers answer.

    Args:
        max_silence_s: An event loop that stood still for longer does not live.
        clock_s: The monotonic clock.
    """

    def __init__(self, max_silence_s: float, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._max_silence_s = max_silence_s
        self._clock_s = clock_s
        self._turned_s = clock_s()
        self._can_serve = False

    def note(self, *, can_serve: bool) -> None:
        """Take in that the event loop turns, and whether calls can be served."""
        self._turned_s = self._clock_s()
        self._can_serve = can_serve

    @property
    def is_live(self) -> bool:
        """Whether the event loop turns."""
        return self._clock_s() - self._turned_s <= self._max_silence_s

    @property
    def is_ready(self) -> bool:
        """Whether it turns, and calls are served."""
        return self.is_live and self._can_serve


class _SilentHandler(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Write nothing: a line for each scrape would be most of the log."""


class _Server(ThreadingWSGIServer):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        host, port = arguments[0]
        self.address_family = socket.getaddrinfo(host, port)[0][0]
        super().__init__(*arguments, **options)


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
        return [b"yes\n" if is_well else b"no\n"]

    server = make_server(host, port, answer, _Server, handler_class=_SilentHandler)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return int(server.server_port)

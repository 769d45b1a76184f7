"""The process of the HTTP server: its socket, its signals, its end."""

import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
import uvicorn

from schemas.errors import CallstreamError
from stream_app.analytics import AnalyticsSource
from stream_app.api.application import create_app
from stream_app.api.classifier.served import ModelSource
from stream_app.settings import Settings

SHUTDOWN_S = 20  # for requests that are being answered when the process is told to end
KEEP_ALIVE_S = 30
BACKLOG = 2_048
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOPBACK = ("127.", "::1", "localhost")

log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """Uvicorn's server; a signal ends it in good order, and the process with exit code 0."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals that end the server; uvicorn would raise them again at the end."""
        before = {number: signal.signal(number, self.handle_exit) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def run_server(
    settings: Settings,
    open_source: Callable[[], ModelSource],
    open_analytics: Callable[[], AnalyticsSource],
    on_ready: Callable[[str], None],
) -> None:
    """Answer requests until a signal ends it.

    Args:
        settings: Of the process.
        open_source: Loads the models.
        open_analytics: Loads the language model.
        on_ready: Told the URL once requests are answered.

    Raises:
        CallstreamError: The address cannot be listened on.
    """
    with _bound(settings.api.host, settings.api.port) as listening:
        address = listening.getsockname()
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        _warn_if_open(settings)
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # errors are logged by us
        config = uvicorn.Config(
            create_app(settings, open_source, open_analytics),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=SHUTDOWN_S,
            lifespan="on",
            ws="none",
        )
        _Server(config, lambda: on_ready(f"http://{host}:{address[1]}")).run([listening])


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(BACKLOG)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CallstreamError(
            f"cannot listen on {host}:{port}: {reason}; give another --port or --host"
        ) from error
    return listening


def _warn_if_open(settings: Settings) -> None:
    if not settings.api.api_key.get_secret_value() and not settings.api.host.startswith(_LOOPBACK):
        advice = "set CALLSTREAM_API__API_KEY"
        log.warning("api.unprotected", host=settings.api.host, advice=advice)

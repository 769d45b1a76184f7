"""A runtime of an agent on one partition, without brokers."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from faust.types import TP, Message

from stream_app.agents.definition import AgentDefinition
from stream_app.calls.effects import Effect, Refuse
from stream_app.runtime.agent_runtime import AgentRuntime
from stream_app.runtime.memory.checkpoints import CheckpointStore, SavedCalls
from stream_app.runtime.memory.under_way import UnderWay
from stream_app.settings import KafkaSettings, Settings
from stream_app.transport.log_clock import LogClock
from tests.support.process_end import unexpected_end


class NoCheckpoints(CheckpointStore):
    """An empty topic of checkpoints."""

    def __init__(self) -> None:
        super().__init__(KafkaSettings(), "toy", "w")

    async def load(self, partitions: Iterable[int]) -> dict[int, SavedCalls]:
        """Return none."""
        return {partition: SavedCalls() for partition in partitions}


class FakeConsumer:
    """A consumer in its first generation, which keeps what is acknowledged."""

    generation = 1

    def __init__(self) -> None:
        self.clock = LogClock()
        self.acknowledged: list[int] = []

    def ack(self, message: Message) -> bool:
        """Take an acknowledgement."""
        self.acknowledged.append(message.offset)
        return True

    async def log_begin(self, _: TP) -> int | None:
        """Return where the log begins: nothing expired."""
        return 0

    def log_clock(self, _: TP) -> LogClock:
        """Return the one clock."""
        return self.clock


class FakeOutbox:
    """An outbox that keeps what it is given, in order."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, Effect]] = []
        self.alerts: list[tuple[str, str]] = []

    @property
    def effects(self) -> list[Effect]:
        """All effects, of whatever call."""
        return [effect for _, effect in self.entries]

    @property
    def refused(self) -> list[Refuse]:
        """The dead letters."""
        return [effect for effect in self.effects if isinstance(effect, Refuse)]

    def put(self, _: object, call_id: str, effect: Effect) -> None:
        """Take an effect."""
        self.entries.append((call_id, effect))

    def alert(self, _: object, call_id: str, kind: str, **__: str) -> None:
        """Take an alert."""
        self.alerts.append((call_id, kind))

    async def wait_for_room(self) -> None:
        """Have room."""


class RuntimeBench:
    """A runtime with fakes around it, which holds one partition.

    Args:
        definition: Of the agent.
        settings: Of the worker.
        under_way: See `AgentRuntime`.
        end: What an end of the process does instead.
    """

    def __init__(
        self,
        definition: AgentDefinition,
        settings: Settings | None = None,
        *,
        under_way: UnderWay | None = None,
        end: Callable[[], None] = unexpected_end,
    ) -> None:
        self.tp = TP(definition.input_topic, 0)
        consumer: Any = FakeConsumer()
        self.consumer: FakeConsumer = consumer
        self.outbox = FakeOutbox()
        self.runtime = AgentRuntime(
            settings or Settings(), definition, under_way=under_way, store=NoCheckpoints(), end=end
        )
        outbox: Any = self.outbox
        self.parts = self.runtime.connect(consumer, outbox)

    async def take(self, messages: Sequence[Message]) -> None:
        """Feed messages that came in one poll."""
        await self.parts.intake.take(messages)

    def begin(self) -> None:
        """Begin a generation with the partition; call it on an event loop."""
        self.runtime.begin_generation([self.tp])

    def message(self, offset: int, value: bytes, key: bytes = b"c") -> Message:
        """Return a message of the partition."""
        tp = self.tp
        return Message(
            tp.topic, tp.partition, offset, 1.0, 0, [], key, value, None, tp=tp, generation_id=1
        )

    def count(self, name: str) -> float | None:
        """Return a counter of the agent."""
        labels = {"agent": self.runtime.definition.name}
        return self.runtime.metrics.registry.get_sample_value(f"callstream_{name}_total", labels)

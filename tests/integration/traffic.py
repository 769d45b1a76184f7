"""Produce keys of calls for the toy agent, and collect what it makes of them."""

import asyncio
import secrets
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from schemas.audio import AudioMessage, CallEnded, DtmfPressed
from schemas.catalogue import ALERTS, AUDIO
from schemas.codec import decode_json, encode_audio
from schemas.errors import BrokerError
from schemas.operations import Alert
from stream_app.settings import KafkaSettings, Settings
from stream_app.transport.clients import client_options, start_producer
from stream_app.transport.log_reader import BEGINNING, read_partitions
from stream_app.worker.supervisor import Supervisor
from tests.support.waiting import moment, wait_until

TOY = "tests.integration.toy:define"
GROUP = "callstream.toy"
READ_EVERY_S = 0.25  # a look reads a whole topic


@dataclass(frozen=True)
class Plan:
    """How many calls press how many keys, and how fast."""

    calls: int = 8
    keys: int = 100
    pace_s: float = 0.05
    run: str = field(default_factory=lambda: secrets.token_hex(3))

    def call_id(self, call: int) -> str:
        """Return an id that no other test uses: they may share a broker."""
        return f"{self.run}.{call}"

    def digit(self, call: int, number: int) -> int:
        """Return a key; different calls press different ones."""
        return (number * (call + 3)) % 10

    def messages(self) -> Iterator[list[AudioMessage]]:
        """Yield what is sent together."""
        for number in range(self.keys):
            yield [key(self.call_id(c), number, self.digit(c, number)) for c in range(self.calls)]
        yield [end(self.call_id(call)) for call in range(self.calls)]

    def share(self, part: float) -> int:
        """Return how many keys that part of all calls has."""
        return int(self.calls * self.keys * part)

    def expected(self) -> dict[str, dict[str, str]]:
        """Return the details of every alert by id."""
        expected: dict[str, dict[str, str]] = {}
        for call in range(self.calls):
            total, name = 0, self.call_id(call)
            for number in range(self.keys):
                total += self.digit(call, number)
                expected[f"{name}/sum/{number}"] = {"sum": str(total)}
                if number % 5 == 4:
                    expected[f"{name}/square/{number}"] = {"square": str(total**2)}
            expected[f"{name}/end/{self.keys}"] = {"sum": str(total), "keys": str(self.keys)}
        return expected


@dataclass(frozen=True)
class Outcome:
    """What came out, by id, and how often an id came with another content."""

    alerts: Mapping[str, Alert]
    records: int
    mismatches: int

    @property
    def details(self) -> dict[str, dict[str, str]]:
        """Details of every alert by id."""
        return {event_id: alert.details for event_id, alert in self.alerts.items()}

    def count(self, kind: str) -> int:
        """Return how many alerts of a kind there are."""
        return sum(alert.kind == kind for alert in self.alerts.values())


def key(call_id: str, number: int, digit: int = 1) -> DtmfPressed:
    return DtmfPressed(
        event_id="",
        call_id=call_id,
        captured_at_ns=time.time_ns(),
        at_ms=number,
        channel=0,
        digit=str(digit),
    )


def end(call_id: str) -> CallEnded:
    return CallEnded(event_id="", call_id=call_id, captured_at_ns=time.time_ns())


def worker(settings: Settings) -> Supervisor:
    return Supervisor(settings, [TOY])


def await_reason(supervisor: Supervisor, wanted: str) -> None:
    """Wait until a supervisor says that its agent is not ready, and why."""
    found = ""

    def is_told() -> bool:
        nonlocal found
        try:
            supervisor.wait_ready(0.2)
        except BrokerError as error:
            found = str(error)
        return wanted in found

    wait_until(is_told, lambda: f"{wanted!r} as the reason, not {found!r}")


async def _send(kafka: KafkaSettings, batches: Iterable[list[AudioMessage]], pace_s: float) -> None:
    producer = await start_producer(kafka)
    for batch in batches:
        due_s = time.monotonic() + pace_s
        for message in batch:
            await producer.send(AUDIO, encode_audio(message), key=message.call_id.encode())
        await moment(due_s)
    await producer.stop()


def send(settings: Settings, *messages: AudioMessage) -> None:
    """Send messages and wait until they are in the log."""
    asyncio.run(_send(settings.kafka, [list(messages)], 0.0))


def send_raw(settings: Settings, *values: bytes | None, key: bytes) -> None:
    """Send bytes that may be anything."""

    async def produce() -> None:
        producer = await start_producer(settings.kafka)
        for value in values:
            await producer.send(AUDIO, value, key=key)
        await producer.stop()

    asyncio.run(produce())


@contextmanager
def traffic(settings: Settings, plan: Plan) -> Iterator[None]:
    """Send the messages of a plan in the background."""

    def run() -> None:
        asyncio.run(_send(settings.kafka, plan.messages(), plan.pace_s))

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join()


def read(settings: Settings, topic: str) -> list[ConsumerRecord]:
    """Return everything on a topic."""

    async def collect() -> list[ConsumerRecord]:
        starts = dict.fromkeys(range(settings.kafka.partitions), BEGINNING)
        return [record async for record in read_partitions(settings.kafka, topic, starts)]

    return asyncio.run(collect())


def outcome(settings: Settings, run: str = "") -> Outcome:
    """Return what has come out so far, of the calls of one plan or of all."""
    alerts: dict[str, Alert] = {}
    mismatches = 0
    records = [record for record in read(settings, ALERTS) if record.key.startswith(run.encode())]
    for record in records:
        alert: Alert = decode_json(record.value, Alert)
        mismatches += alerts.setdefault(alert.event_id, alert) != alert
    return Outcome(alerts, len(records), mismatches)


def await_alerts(settings: Settings, kind: str, count: int, run: str = "") -> Outcome:
    """Return the outcome once it has at least that many alerts of a kind."""
    results: list[Outcome] = []

    def are_there() -> bool:
        results.append(outcome(settings, run))
        return results[-1].count(kind) >= count

    wait_until(
        are_there,
        lambda: f"{count} alerts '{kind}', only {results[-1].count(kind)}",
        every_s=READ_EVERY_S,
    )
    return results[-1]


def committed(settings: Settings) -> dict[int, int]:
    """Return the committed offset of each partition of the toy's input."""

    async def ask() -> dict[int, int]:
        consumer = AIOKafkaConsumer(
            **client_options(settings.kafka), group_id=GROUP, enable_auto_commit=False
        )
        await consumer.start()
        partitions = [TopicPartition(AUDIO, n) for n in range(settings.kafka.partitions)]
        consumer.assign(partitions)
        offsets = {tp.partition: await consumer.committed(tp) or 0 for tp in partitions}
        await consumer.stop()
        return offsets

    return asyncio.run(ask())


def await_committed(settings: Settings, messages: int) -> int:
    """Return how many messages are committed, once there are at least that many."""
    seen: list[int] = []

    def are_committed() -> bool:
        seen.append(sum(committed(settings).values()))
        return seen[-1] >= messages

    wait_until(are_committed, lambda: f"{messages} commits, only {seen[-1]}", every_s=READ_EVERY_S)
    return seen[-1]

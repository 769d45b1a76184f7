"""Where reading goes on after an assignment, and what is told of input that expired unread."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError
from faust.types import TP

from stream_app.runtime.agent_runtime import AgentRuntime
from stream_app.runtime.expiry import Expiry
from stream_app.settings import Settings
from stream_app.transport.consumer import ConsumerThread
from tests.integration.toy import define
from tests.support.process_end import unexpected_end

AUDIO = [TopicPartition("calls.audio.v1", number) for number in range(3)]


class Client:
    """A consumer of aiokafka with committed offsets and logs that begin somewhere."""

    def __init__(self, committed: list[int | None], beginnings: list[int]) -> None:
        self.offsets = dict(zip(AUDIO, committed, strict=True))
        self.beginnings = dict(zip(AUDIO, beginnings, strict=True))
        self.sought: dict[TopicPartition, int] = {}
        self.is_asked_in_vain = False

    def assignment(self) -> set[TopicPartition]:
        """Return the partitions."""
        return set(self.offsets)

    async def committed(self, partition: TopicPartition) -> int | None:
        """Return the committed offset."""
        offset: int | None = self.offsets[partition]
        return offset

    async def beginning_offsets(
        self, partitions: list[TopicPartition]
    ) -> Mapping[TopicPartition, int]:
        """Return where the logs begin."""
        if self.is_asked_in_vain:
            raise KafkaTimeoutError
        return {partition: self.beginnings[partition] for partition in partitions}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Note where reading goes on."""
        self.sought[partition] = offset


class Thread(ConsumerThread):
    """A consumer thread without a thread."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.expired: list[tuple[int, int, int]] = []
        parts: dict[str, Any] = {
            "consumer": SimpleNamespace(on_expired=self._note),
            "log": SimpleNamespace(warning=lambda *_: None),
        }
        vars(self).update(parts)
        self._told_up_to = {}

    def _ensure_consumer(self) -> Any:
        return self.client

    def _note(self, tp: TP, first: int, count: int) -> None:
        self.expired.append((tp.partition, first, count))


async def test_what_expired_is_told_and_passed_over() -> None:
    """Partition 0 lost 40 messages, 1 none; 2 was never read, so that nothing of it is lost."""
    thread = Thread(Client([10, 70, None], [50, 60, 20]))

    starts = await thread._seek_to_starts()

    assert starts == {TP("calls.audio.v1", n): offset for n, offset in enumerate([50, 70, 20])}
    assert thread.client.sought == dict(zip(AUDIO, [50, 70, 20], strict=True))
    assert thread.expired == [(0, 10, 40)]


async def test_it_is_told_once_however_often_partitions_are_assigned() -> None:
    """Nothing is committed beyond it before the next message comes."""
    thread = Thread(Client([10, 0, 0], [50, 0, 0]))
    await thread._seek_to_starts()
    thread.client.beginnings[AUDIO[0]] = 55

    await thread._seek_to_starts()

    assert thread.expired == [(0, 10, 40), (0, 50, 5)]


async def test_brokers_that_do_not_say_hold_nothing_up() -> None:
    thread = Thread(Client([10, 20, 30], [50, 50, 50]))
    thread.client.is_asked_in_vain = True

    assert list((await thread._seek_to_starts()).values()) == [
        thread.client.offsets[partition] for partition in thread.client.assignment()
    ]
    assert thread.expired == []


async def test_a_partition_without_an_offset_needs_its_beginning() -> None:
    thread = Thread(Client([10, None, 30], [50, 50, 50]))
    thread.client.is_asked_in_vain = True

    with pytest.raises(KafkaTimeoutError):
        await thread._seek_to_starts()


def test_what_expired_is_counted() -> None:
    runtime = AgentRuntime(Settings(), define(Settings()), end=unexpected_end)

    runtime.context.note_skipped(TP("calls.audio.v1", 1), 10, 40)

    name = "callstream_skipped_offsets_total"
    assert runtime.metrics.registry.get_sample_value(name, {"agent": "toy"}) == 40.0


@pytest.mark.parametrize(
    ("begin", "expired"), [(0, 0), (10, 0), (13, 3), (20, 10), (99, 10), (None, 10)]
)
async def test_only_what_lies_before_the_log_has_expired(begin: int | None, expired: int) -> None:
    asked = []

    async def ask(tp: TP) -> int | None:
        asked.append(tp)
        return begin

    expiry, partition = Expiry(ask), TP("calls.audio.v1", 0)

    assert await expiry.expired(partition, 10, 20) == expired
    assert await expiry.expired(partition, 10, 20) == expired
    assert len(asked) == 1


async def test_the_brokers_are_asked_where_a_log_begins() -> None:
    thread = Thread(Client([10, 20, 30], [50, 60, 70]))

    assert await thread.log_begin(TP("calls.audio.v1", 1)) == 60
    thread.client.is_asked_in_vain = True
    assert await thread.log_begin(TP("calls.audio.v1", 1)) is None

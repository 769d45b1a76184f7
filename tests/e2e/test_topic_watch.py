"""What the end-to-end tests see of the topics: all that is there, however late a leader answers."""

import secrets
from collections.abc import Mapping, Sequence

import msgspec
import pytest
from aiokafka import ConsumerRecord, TopicPartition

from schemas import catalogue
from schemas.operations import Checkpoint
from stream_app.runtime.memory.checkpoints import CheckpointStore
from stream_app.settings import KafkaSettings
from stream_app.transport.clients import TopicReader, start_producer
from tests.support.calls.call_messages import finalized, turn_ended, turns_complete
from tests.support.system.fleet import AGENTS
from tests.support.system.scenario import Broker
from tests.support.system.topic_watch import TopicWatch

pytestmark = [pytest.mark.e2e, pytest.mark.own_topics]  # agents would read what is made up here
TURNS = 5
LATE_POLLS = 20


class LateReader(TopicReader):
    """A reader that gives out a topic some polls later than all others.

    So it is where the leaders of that topic are lost and found again.
    """

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        super().__init__(kafka, enable_auto_commit=False, auto_offset_reset="earliest")
        self._topic = topic
        self._late: dict[TopicPartition, list[ConsumerRecord]] = {}
        self._polls_left = LATE_POLLS

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int, max_records: int | None = None
    ) -> Mapping[TopicPartition, Sequence[ConsumerRecord]]:
        """Return records of these partitions, or of all; the late ones when their time has come."""
        polled = await super().getmany(*partitions, timeout_ms=timeout_ms, max_records=max_records)
        found = {place: records for place, records in polled.items() if place[0] != self._topic}
        for place in polled.keys() - found.keys():
            self._late.setdefault(place, []).extend(polled[place])
        self._polls_left -= bool(self._late)
        if self._polls_left > 0:
            return found
        late, self._late = self._late, {}
        return {**found, **late}


async def write_ended_call(kafka: KafkaSettings, call_id: str) -> None:
    """Write the turns of a call, its finalized call, and the closing checkpoints of all agents."""
    turns = [turn_ended(0, number * 1_000, number * 1_000 + 900) for number in range(TURNS)]
    producer = await start_producer(kafka)
    try:
        for message in (*turns, turns_complete(TURNS), finalized()):
            own = msgspec.structs.replace(
                message, call_id=call_id, event_id=f"{call_id}/{message.event_id}"
            )
            topic, value = catalogue.topic_of(own), catalogue.encode(own)
            await producer.send_and_wait(topic, value, key=call_id.encode())
        for agent in AGENTS:
            checkpoint = Checkpoint(
                agent=agent, call_id=call_id, position=(1,), is_closed=True, state={}
            )
            key, value = CheckpointStore(kafka, agent, "w").encode(checkpoint)
            await producer.send_and_wait(catalogue.CHECKPOINTS, value, key=key)
    finally:
        await producer.stop()


async def test_a_call_is_compared_once_all_its_topics_are_read(broker: Broker) -> None:
    """Its end is seen on two topics while a third one is behind."""
    run, kafka = secrets.token_hex(3), broker.settings.kafka
    call_id = f"late~{run}"

    async with TopicWatch(kafka, run, LateReader(kafka, catalogue.TURNS)) as watch:
        await write_ended_call(kafka, call_id)
        await watch.until_finalized(call_id)
        lane = watch.lane(call_id)

    assert len(lane[catalogue.TURNS]) == TURNS + 1
    assert len(lane[catalogue.FINALIZED]) == 1


async def test_catching_up_reads_what_no_condition_asks_for(broker: Broker) -> None:
    run, kafka = secrets.token_hex(3), broker.settings.kafka
    call_id = f"late~{run}"

    async with TopicWatch(kafka, run, LateReader(kafka, catalogue.FINALIZED)) as watch:
        await write_ended_call(kafka, call_id)
        await watch.catch_up()
        await watch.catch_up()  # there is nothing more

        assert watch.finalized() == {call_id}
        assert len(list(watch.of(catalogue.TURNS))) == TURNS + 1

"""Published messages are durable, or the replay fails."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from schemas.audio import CallEnded
from schemas.codec import decode_audio
from schemas.errors import BrokerError
from stream_app.replay.publisher import KafkaPublisher
from stream_app.transport import stopping
from stream_app.transport.stopping import stop_client

MESSAGE = CallEnded(event_id="c/call_ended", call_id="c", captured_at_ns=1)


class FakeProducer:
    """A producer whose deliveries end as a test says."""

    def __init__(self, *, delivery: Exception | None = None, send: Exception | None = None) -> None:
        self.sent: list[tuple[str, bytes, bytes]] = []
        self._delivery = delivery
        self._send = send

    async def send(self, topic: str, *, value: bytes, key: bytes) -> "asyncio.Future[None]":
        """Return a delivery that is finished already."""
        if self._send is not None:
            raise self._send
        self.sent.append((topic, value, key))
        delivery: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._delivery is None:
            delivery.set_result(None)
        else:
            delivery.set_exception(self._delivery)
        return delivery

    async def flush(self) -> None:
        """Let the callbacks of the deliveries run."""
        await asyncio.sleep(0)


async def publish_one(producer: Any) -> None:
    publisher = KafkaPublisher(producer, "calls.audio.v1")
    await publisher.publish(MESSAGE)
    await publisher.flush()


def test_messages_go_out_under_the_key_of_their_call() -> None:
    producer = FakeProducer()

    asyncio.run(publish_one(producer))

    ((topic, value, key),) = producer.sent
    assert (topic, key) == ("calls.audio.v1", b"c")
    assert decode_audio(value) == MESSAGE


def test_a_message_that_was_not_delivered_is_a_failure() -> None:
    producer = FakeProducer(delivery=MessageSizeTooLargeError("4 MB"))

    with pytest.raises(BrokerError, match=r"messages to calls\.audio\.v1 were lost: .*4 MB"):
        asyncio.run(publish_one(producer))


def test_a_message_that_cannot_be_sent_is_a_failure() -> None:
    with pytest.raises(BrokerError, match=r"cannot produce to calls\.audio\.v1"):
        asyncio.run(publish_one(FakeProducer(send=KafkaError("gone"))))


class Hanging:
    """A client whose broker is gone."""

    async def stop(self) -> None:
        """Never return."""
        await asyncio.Event().wait()


class Cancelled:
    """A client that awaits a task of its own that it has cancelled."""

    async def stop(self) -> None:
        """Raise without a cancellation."""
        raise asyncio.CancelledError


class Failing:
    """A client that fails while it stops."""

    async def stop(self) -> None:
        """Raise."""
        raise KafkaError("gone")


@pytest.mark.parametrize("client", [Hanging(), Cancelled(), Failing()])
def test_clients_without_a_broker_are_stopped_all_the_same(
    monkeypatch: pytest.MonkeyPatch, client: stopping.Client
) -> None:
    """Regression: CancelledError out of a client's stop hid the failure behind a traceback."""
    monkeypatch.setattr(stopping, "STOP_TIMEOUT_S", 0.01)

    asyncio.run(stop_client(client))

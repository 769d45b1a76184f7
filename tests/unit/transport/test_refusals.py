"""What an agent knows of brokers that let it not join, at every stage of its start."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import GroupAuthorizationFailedError

from stream_app.transport.consumer import ConsumerThread

REFUSAL = GroupAuthorizationFailedError("callstream.toy")


def thread(consumer: Any) -> ConsumerThread:
    """Return the thread of a consumer that it has made, or not yet."""
    made = ConsumerThread.__new__(ConsumerThread)
    made._consumer = consumer
    return made


def coordinator(refusal: BaseException | None) -> SimpleNamespace:
    return SimpleNamespace(coordinator_id=None, _pending_exception=refusal)


@pytest.mark.parametrize(
    ("consumer", "refusal"),
    [
        (None, None),
        (SimpleNamespace(_coordinator=None), None),
        (SimpleNamespace(_coordinator=coordinator(None)), None),
        (SimpleNamespace(_coordinator=coordinator(REFUSAL)), REFUSAL),
    ],
    ids=["no consumer", "no coordinator", "no refusal", "refused"],
)
def test_a_refusal_is_known_once_there_is_one(consumer: Any, refusal: Exception | None) -> None:
    """A busy machine takes seconds from one stage to the next; nothing is wrong meanwhile."""
    asked = thread(consumer)

    assert asked.refusal() is refusal
    assert not asked.hears_brokers(10.0)

"""What has become of topics is found by looking again, and believed when two looks agree."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace

import aiokafka.admin.client
import aiokafka.client
import pytest
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest_v5

from stream_app.settings import KafkaSettings
from stream_app.transport import layout
from stream_app.transport.clients import client_options
from stream_app.transport.layout import (
    Layout,
    TopicLayout,
    changes,
    read_layout,
    watch_layout,
)
from stream_app.transport.metadata_requests import LayoutRequest

BEFORE: Layout = {"a": TopicLayout(4, "id-a"), "b": TopicLayout(4, "id-b")}
GONE: Layout = {"b": BEFORE["b"]}
WIDER: Layout = {**BEFORE, "a": TopicLayout(8, "id-a")}
ANEW: Layout = {**BEFORE, "a": TopicLayout(4, "id-c")}


class Brokers:
    """Answers one look after another; an error stands for brokers that do not answer."""

    def __init__(self, answers: Iterable[Layout | Exception]) -> None:
        self._answers = iter(answers)
        self.looks = 0

    async def look(self) -> Layout:
        """Return the next answer."""
        self.looks += 1
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def wait(self, seconds: float) -> None:
        """Pass the time at once."""
        assert seconds > 0


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (BEFORE, ()),
        (GONE, ("a is gone",)),
        (WIDER, ("a has 8 partitions instead of 4",)),
        (ANEW, ("a was deleted and created anew",)),
        ({}, ("a is gone", "b is gone")),
        ({**BEFORE, "new": TopicLayout(1, "id-n")}, ()),
    ],
)
def test_every_change_of_a_known_topic_is_named(now: Layout, found: tuple[str, ...]) -> None:
    assert changes(BEFORE, now) == found


def test_brokers_that_tell_no_ids_change_nothing_by_it() -> None:
    """During an upgrade some tell them and some do not."""
    without = {name: TopicLayout(topic.partitions) for name, topic in BEFORE.items()}

    assert changes(BEFORE, without) == changes(without, BEFORE) == ()


@pytest.mark.parametrize(
    ("answers", "looks"),
    [
        ([BEFORE, BEFORE, GONE, GONE], 4),
        ([GONE, BEFORE, GONE, GONE], 4),
        ([GONE, KafkaConnectionError(), GONE], 3),
        ([WIDER, GONE, GONE], 3),
    ],
    ids=["gone", "a moment of ignorance", "no answer between", "another change between"],
)
async def test_a_change_counts_when_two_looks_in_a_row_find_it(
    answers: list[Layout | Exception], looks: int
) -> None:
    """A broker that just came up may not know every topic."""
    brokers = Brokers(answers)

    assert await watch_layout(brokers.look, BEFORE, wait=brokers.wait) == ("a is gone",)
    assert brokers.looks == looks


@pytest.mark.parametrize("module", [aiokafka.client, aiokafka.admin.client])
def test_no_client_asks_brokers_to_create_a_topic(module: object) -> None:
    """Once the options of any client were asked for."""
    client_options(KafkaSettings())
    request = module.MetadataRequest(["calls.audio.v1"])  # type: ignore[attr-defined]

    built = request.prepare({3: (0, 12)})

    assert isinstance(built, MetadataRequest_v5)
    assert built.to_object() == {"topics": ["calls.audio.v1"], "allow_auto_topic_creation": False}


def test_brokers_without_ids_are_asked_as_before() -> None:
    """Apache Kafka before 2.8 knows the request up to its ninth version."""
    built = LayoutRequest(["a"]).prepare({3: (0, 9)})

    assert built.to_object() == {"topics": ["a"], "allow_auto_topic_creation": False}
    assert LayoutRequest(["a"]).prepare({3: (0, 12)}).API_VERSION == 10


@pytest.mark.parametrize("lagging", [{}, GONE, KafkaConnectionError("starting")])
async def test_what_a_broker_does_not_know_yet_is_asked_of_the_others(
    monkeypatch: pytest.MonkeyPatch, lagging: Layout | KafkaConnectionError
) -> None:
    """Whichever is asked first; a topic that no broker knows is not there."""
    answers: dict[int, Layout | KafkaConnectionError] = {1: lagging, 2: lagging, 3: BEFORE}

    async def ask(_client: object, node: int, names: Sequence[str]) -> Layout:
        answer = answers[node]
        if isinstance(answer, KafkaConnectionError):
            raise answer
        return {name: topic for name, topic in answer.items() if name in names}

    @asynccontextmanager
    async def client(_: KafkaSettings) -> AsyncIterator[SimpleNamespace]:
        brokers = [SimpleNamespace(nodeId=node) for node in answers]
        yield SimpleNamespace(cluster=SimpleNamespace(brokers=lambda: brokers))

    monkeypatch.setattr(layout, "_ask", ask)
    monkeypatch.setattr(layout, "_client", client)

    for _ in range(20):
        assert await read_layout(KafkaSettings(), ["a", "b"]) == BEFORE
        assert await read_layout(KafkaSettings(), ["a", "b", "c"]) == BEFORE

"""Calls on their way through the topics, and what must become of them."""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import orjson

from schemas import catalogue
from schemas.audio import AudioMessage
from stream_app.settings import KafkaSettings, Settings
from tests.kafka.cluster import KafkaCluster
from tests.support.system.call_feed import CallFeed
from tests.support.system.lanes import Lane, call_id, difference, renamed
from tests.support.system.topic_watch import TopicWatch

SETTINGS = Settings().replace(
    kafka={
        "partitions": 4,
        "session_timeout_s": 3.0,
        "heartbeat_s": 0.5,
        "commit_interval_s": 0.2,  # whatever is committed too early is then lost in a crash
    },
    segments={"max_segment_ms": 3_000},  # short ones, so that every scenario meets many
    stalls={"stall_after_s": 300.0, "stale_after_s": 600.0},  # a test may pause its calls
)


@dataclass(frozen=True)
class Broker:
    """A running broker.

    Attributes:
        settings: To reach it.
        cluster: The nodes, where it is a real Apache Kafka.
    """

    settings: Settings
    cluster: KafkaCluster | None = None


@dataclass
class Run:
    """Some calls that began at one moment.

    Attributes:
        recorded: Name of the recording by call id.
        expected: Undisturbed lane by name of the recording.
    """

    feed: CallFeed
    watch: TopicWatch
    recorded: dict[str, str]
    expected: Mapping[str, Lane]

    async def fed(self, at_ms: int, *, transcribed_ms: int = 0) -> None:
        """Send the calls up to ``at_ms`` and wait until all are transcribed that far."""
        await self.feed.until(at_ms)
        behind_ms = transcribed_ms or at_ms - 3_500  # a segment is at most 3 s long
        await self.watch.until(
            lambda: all(self.transcribed_ms(each) >= behind_ms for each in self.recorded),
            f"transcript up to {behind_ms} ms",
        )

    def transcribed_ms(self, each: str) -> int:
        """Return the audio clock that the lane of a call has reached."""
        values = [record.value for record in self.watch.of(catalogue.TRANSCRIPTS, each)]
        return max((int(orjson.loads(value).get("at_ms", 0)) for value in values), default=0)

    async def assert_unchanged(self, *, timeout_s: float = 60.0) -> None:
        """Send what is left and compare every call, to the byte, with the undisturbed one."""
        await self.feed.rest()
        await self.watch.until_finalized(*self.recorded, timeout_s=timeout_s)
        self._compare()

    async def assert_equal(self) -> None:
        """Compare what is on the topics now."""
        await self.watch.catch_up()
        self._compare()

    def _compare(self) -> None:
        for each, name in self.recorded.items():
            found = difference(self.watch.lane(each), self.expected[name])
            assert not found, f"call {name}: {found}"


class Begin(Protocol):
    """What the fixture ``begin`` is."""

    def __call__(
        self, *names: str, speed: float | None = None, copies: int = 1
    ) -> AbstractAsyncContextManager[Run]:
        """Begin a number of calls of each of these recordings."""
        ...


@asynccontextmanager
async def running(
    kafka: KafkaSettings,
    recordings: Mapping[str, Sequence[AudioMessage]],
    expected: Mapping[str, Lane],
    *,
    speed: float | None = None,
    copies: int = 1,
) -> AsyncIterator[Run]:
    """Yield calls of a new run that nothing was sent of yet.

    Copies of a call differ in the part of the id that a comparison strips.
    """
    run = secrets.token_hex(3)
    recorded = {
        call_id(name, f"{run}.{copy}"): name for name in recordings for copy in range(copies)
    }
    calls = {each: renamed(recordings[name], each) for each, name in recorded.items()}
    async with TopicWatch(kafka, run) as watch, CallFeed(kafka, calls, speed=speed) as feed:
        yield Run(feed, watch, recorded, expected)

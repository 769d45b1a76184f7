"""A call of three hours through broker and agents, as fast as they can."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from schemas.audio import AudioMessage
from stream_app import topics
from tests.e2e.call_feed import CallFeed
from tests.e2e.fleet import Fleet
from tests.e2e.lanes import call_id
from tests.e2e.scenario import Broker
from tests.e2e.topic_watch import TopicWatch
from tests.support.recorded_calls import call_ended, call_started, demo_audio, recorded_chunks

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
HOURS = 3
CHUNK_MS = 200
RUN = "long"
TIMEOUT_S = 900.0


def long_call(name: str) -> Iterator[AudioMessage]:
    """Yield the messages of the bundled call, over and over for three hours."""
    whole_ms = len(demo_audio()) * 1000 // 8_000 // CHUNK_MS * CHUNK_MS
    once = recorded_chunks(name, 0, whole_ms, chunk_ms=CHUNK_MS)
    yield call_started(name)
    for seq in range(HOURS * 3_600_000 // CHUNK_MS):
        chunk = once[seq % len(once)]
        yield msgspec.structs.replace(
            chunk, event_id=f"{name}/chunk/{seq}", seq=seq, start_ms=seq * CHUNK_MS
        )
    yield call_ended(name)


@pytest.fixture
def fleet(broker: Broker, tmp_path: Path) -> Iterator[Fleet]:
    """Agents that cut segments at their usual length."""
    settings = broker.settings.replace(segments={"max_segment_ms": 12_000})
    with Fleet(settings, tmp_path) as fleet:
        yield fleet


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
async def test_a_three_hour_call_is_finalized_whole(broker: Broker, fleet: Fleet) -> None:
    agents = await fleet.start("first")
    name = call_id("call", RUN)

    async with (
        TopicWatch(broker.settings.kafka, RUN) as watch,
        CallFeed(broker.settings.kafka, {name: [*long_call(name)]}) as feed,
    ):
        await feed.rest()
        await watch.until_finalized(name, timeout_s=TIMEOUT_S)
        finals = watch.messages(topics.TRANSCRIPTS, name, "transcript_final.v1")
        turns = watch.messages(topics.TURNS, name, "turn_ended.v1")
        (call,) = watch.messages(topics.FINALIZED, name, "finalized_call.v1")
        size = len(next(watch.of(topics.FINALIZED, name)).value)
        dead = [*watch.of(topics.DEAD_LETTERS, name)]

    heard = {final["segment_id"] for final in finals if final["words"]}
    memory_mb = {agent: process.memory_mb() for agent, process in agents.items()}
    print(f"{len(finals)} finals, {len(turns)} turns, {size} bytes, {memory_mb}")  # noqa: T201 - figures
    assert call["metrics"]["duration_ms"] == HOURS * 3_600_000
    assert call["metrics"]["words"] == sum(len(final["words"]) for final in finals)
    assert {segment for turn in call["turns"] for segment in turn["segment_ids"]} == heard
    assert not call["is_abridged"]
    assert not dead
    assert call["metrics"]["gap_ms"] == 0

"""A call of half an hour through broker and agents, as fast as they can."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from models.text.spoken_form import spoken_words
from schemas import catalogue
from schemas.audio import AudioMessage
from tests.support.calls.recorded_calls import call_ended, call_started, demo_audio, recorded_chunks
from tests.support.system.call_feed import CallFeed
from tests.support.system.fingerprint_agent import PROMPT_DEFINITION
from tests.support.system.fleet import Fleet
from tests.support.system.lanes import call_id
from tests.support.system.scenario import Broker
from tests.support.system.topic_watch import TopicWatch

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
MINUTES = 30
CHUNK_MS = 200  # the longest that a chunk may be
RUN = "long"
TIMEOUT_S = 900.0


def long_call(name: str) -> Iterator[AudioMessage]:
    """Yield the messages of the bundled call, over and over for half an hour."""
    whole_ms = len(demo_audio()) * 1000 // 8_000 // CHUNK_MS * CHUNK_MS
    once = recorded_chunks(name, 0, whole_ms, chunk_ms=CHUNK_MS)
    yield call_started(name)
    for seq in range(MINUTES * 60_000 // CHUNK_MS):
        chunk = once[seq % len(once)]
        yield msgspec.structs.replace(
            chunk, event_id=f"{name}/chunk/{seq}", seq=seq, start_ms=seq * CHUNK_MS
        )
    yield call_ended(name)


def latest_texts(finals: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Return the text of each segment as the last final says that revises it."""
    texts: dict[str, str] = {}
    for final in finals:
        texts |= {each["segment_id"]: each["text"] for each in final["revised"]}
        texts[final["segment_id"]] = final["text"]
    return texts


@pytest.fixture
def fleet(broker: Broker, tmp_path: Path) -> Iterator[Fleet]:
    """Agents that cut segments at their usual length."""
    settings = broker.settings.replace(segments={"max_segment_ms": 12_000})
    with Fleet(settings, tmp_path, transcribe=PROMPT_DEFINITION) as fleet:
        yield fleet


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
async def test_a_long_call_is_finalized_whole(broker: Broker, fleet: Fleet) -> None:
    agents = await fleet.start("first")
    name = call_id("call", RUN)

    async with (
        TopicWatch(broker.settings.kafka, RUN) as watch,
        CallFeed(broker.settings.kafka, {name: [*long_call(name)]}) as feed,
    ):
        await feed.rest()
        await watch.until_finalized(name, timeout_s=TIMEOUT_S)
        finals = watch.messages(catalogue.TRANSCRIPTS, name, "transcript_final.v1")
        turns = watch.messages(catalogue.TURNS, name, "turn_ended.v1")
        (call,) = watch.messages(catalogue.FINALIZED, name, "finalized_call.v1")
        size = len(next(watch.of(catalogue.FINALIZED, name)).value)
        dead = [*watch.of(catalogue.DEAD_LETTERS, name)]

    texts = latest_texts(finals)
    heard = {segment for segment, text in texts.items() if text}
    memory_mb = {agent: process.memory_mb() for agent, process in agents.items()}
    print(f"{len(finals)} finals, {len(turns)} turns, {size} bytes, {memory_mb}")
    assert call["metrics"]["duration_ms"] == MINUTES * 60_000
    assert call["metrics"]["words"] == sum(len(spoken_words(text)) for text in texts.values())
    assert {segment for turn in call["turns"] for segment in turn["segment_ids"]} == heard
    assert not call["is_abridged"]
    assert not dead
    assert call["metrics"]["gap_ms"] == 0

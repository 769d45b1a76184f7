"""Two installations on one cluster, told apart by a prefix: neither sees anything of the other."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from schemas import catalogue
from schemas.audio import AudioMessage
from stream_app.settings import KafkaSettings, Settings
from stream_app.transport.log_reader import BEGINNING, read_partitions
from stream_app.transport.topics import describe_topics
from tests.kafka.cluster import create_topics
from tests.support.system.fleet import Fleet
from tests.support.system.lanes import Lane
from tests.support.system.scenario import Broker, running
from tests.support.system.topic_watch import headers_of

pytestmark = pytest.mark.e2e
PREFIX = "team-b."
JUNK = b"\x00\xff not a message"


def with_prefix(settings: Settings) -> Settings:
    return settings.replace(kafka={"topic_prefix": PREFIX})


async def keys_on(kafka: KafkaSettings, name: str) -> set[str]:
    """Return the keys of all records of a topic; other tests write records without one there."""
    starts = dict.fromkeys(range(kafka.partitions), BEGINNING)
    records = read_partitions(kafka, name, starts)
    return {record.key.decode(errors="replace") async for record in records if record.key}


async def test_each_has_its_own_calls_and_nothing_else(
    broker: Broker,
    fleet: Fleet,
    tmp_path: Path,
    recordings: Mapping[str, list[AudioMessage]],
    expected: Mapping[str, Lane],
) -> None:
    """Workers of one id, calls of one recording at the same time, and junk for one of the two."""
    ours, theirs = broker.settings, with_prefix(broker.settings)
    await create_topics(theirs.kafka)
    await fleet.start("w")
    recorded = {name: recordings[name] for name in "ab"}
    (tmp_path / "theirs").mkdir()
    with Fleet(theirs, tmp_path / "theirs") as their_fleet:
        await their_fleet.start("w")
        async with (
            running(ours.kafka, recorded, expected) as our_run,
            running(theirs.kafka, recorded, expected) as their_run,
        ):
            await our_run.fed(5_000)
            await their_run.fed(5_000)
            key = f"junk~{their_run.watch.run}"
            offset = await their_run.feed.raw(catalogue.AUDIO, 0, key, JUNK)
            await our_run.assert_unchanged()
            await their_run.assert_unchanged()
            letters = their_run.watch.of(catalogue.DEAD_LETTERS)
            await their_run.watch.until(lambda: any(letters), "dead letter")
            (letter,) = their_run.watch.of(catalogue.DEAD_LETTERS)
        their_fleet.assert_lanes_repeated()

    place = headers_of(letter)
    assert (place["topic"], place["offset"]) == (f"{PREFIX}{catalogue.AUDIO}", str(offset))
    for name in catalogue.NAMES:
        ours_there = {key for key in await keys_on(theirs.kafka, name) if our_run.watch.run in key}
        theirs_here = {key for key in await keys_on(ours.kafka, name) if their_run.watch.run in key}
        assert (ours_there, theirs_here) == (set(), set()), name
    states = await describe_topics(theirs.kafka)
    assert [state.name for state in states] == [f"{PREFIX}{name}" for name in catalogue.NAMES]
    assert {state.differences for state in states} == {()}

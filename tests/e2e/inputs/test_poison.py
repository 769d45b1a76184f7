"""Bytes that nobody understands become dead letters, and the calls around them go on."""

import msgspec
import pytest

from schemas import catalogue
from schemas.audio import AudioChunk
from tests.support.system.fleet import Fleet
from tests.support.system.scenario import Begin, Broker, Run
from tests.support.system.topic_watch import headers_of

pytestmark = pytest.mark.e2e
READERS = {
    catalogue.AUDIO: "transcribe",
    catalogue.TRANSCRIPTS: "detect_turns",
    catalogue.TURNS: "finalize",
}
POISONS: tuple[bytes | None, ...] = (
    b"\x00\xff not a message",
    b"",
    None,
    b'{"schema":"call_started.v9","event_id":"x"}',
    b"[" * 100_000,
)


def key(run: Run) -> str:
    return f"poison~{run.watch.run}"


async def test_poison_on_each_topic_becomes_a_dead_letter(begin_shared: Begin) -> None:
    """Original bytes, where they lay, and why they were refused."""
    async with begin_shared() as run:
        await run.fed(5_000)
        partition = run.feed.partition(next(iter(run.recorded)))
        places = {
            (topic, partition, await run.feed.raw(topic, partition, key(run), poison)): poison
            for topic in READERS
            for poison in POISONS
        }
        await run.assert_unchanged()
        await run.watch.until(
            lambda: len(list(run.watch.of(catalogue.DEAD_LETTERS))) >= len(places), "dead letters"
        )
        letters = {}
        for letter in run.watch.of(catalogue.DEAD_LETTERS):
            headers = headers_of(letter)
            place = (headers["topic"], int(headers["partition"]), int(headers["offset"]))
            letters[place] = letter.value or None
            assert headers["reason"]
            assert headers["agent"] == READERS[headers["topic"]]

    assert letters == {place: poison or None for place, poison in places.items()}


async def test_poison_on_the_checkpoints_stops_nobody(
    broker: Broker, fleet: Fleet, begin: Begin
) -> None:
    """Agents that start, and take over, read past it."""
    async with begin() as run:
        for poison in POISONS:
            for partition in range(broker.settings.kafka.partitions):
                await run.feed.raw(catalogue.CHECKPOINTS, partition, key(run), poison)
        agents = await fleet.start("first")
        await run.fed(5_000)
        for agent in agents.values():
            agent.kill()
        await fleet.start("second")
        await run.assert_unchanged()


async def test_audio_that_cannot_be_decoded_fails_for_its_call_only(begin_shared: Begin) -> None:
    """An unknown encoding, a wrong rate, a payload too few: refused one by one."""
    async with begin_shared() as run:
        await run.fed(3_000)
        bad = next(iter(run.recorded))
        whole = AudioChunk(
            event_id=f"{bad}/bad",
            call_id=bad,
            captured_at_ns=1,
            seq=1_000,
            start_ms=3_000,
            encoding="mulaw",
            sample_rate_hz=8_000,
            payloads=(b"\xff" * 800, b"\xff" * 800),
        )
        replace = msgspec.structs.replace
        chunks = [
            catalogue.encode(whole).replace(b"mulaw", b"opus!"),
            catalogue.encode(replace(whole, sample_rate_hz=44_100)),
            catalogue.encode(replace(whole, payloads=whole.payloads[:1])),
            catalogue.encode(replace(whole, payloads=(b"\xff" * 800, b"\xff" * 400))),
        ]
        for chunk in chunks:
            await run.feed.raw(catalogue.AUDIO, run.feed.partition(bad), bad, chunk)
        await run.assert_unchanged()
        await run.watch.until(
            lambda: len(list(run.watch.of(catalogue.DEAD_LETTERS))) >= len(chunks), "dead letters"
        )
        refused = [letter.value for letter in run.watch.of(catalogue.DEAD_LETTERS)]

    assert refused == chunks

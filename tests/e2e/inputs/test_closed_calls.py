"""A call that is closed stays closed: its id may come again, and so may its own input."""

import orjson
import pytest

from schemas import catalogue
from schemas.audio import AudioChunk, AudioMessage, CallEnded
from tests.support.system.fleet import Fleet
from tests.support.system.lanes import call_id, renamed
from tests.support.system.scenario import Begin, Run

pytestmark = pytest.mark.e2e


async def put(run: Run, messages: list[AudioMessage], partition: int) -> None:
    for message in messages:
        await run.feed.raw(catalogue.AUDIO, partition, message.call_id, catalogue.encode(message))


def alerts(run: Run, call: str) -> list[dict[str, object]]:
    return [orjson.loads(record.value) for record in run.watch.of(catalogue.ALERTS, call)]


def letters(run: Run, call: str) -> list[bytes]:
    return [record.value for record in run.watch.of(catalogue.DEAD_LETTERS, call)]


async def test_a_call_id_that_is_used_again_costs_the_second_call_only(
    fleet: Fleet, begin: Begin, recordings: dict[str, list[AudioMessage]]
) -> None:
    """A dead letter for each of its inputs, one alert, also after a takeover; others go on."""
    agents = await fleet.start("first")

    async with begin("a", "b", "c") as run, begin() as others:
        await run.assert_unchanged()
        used = next(name for name, recording in run.recorded.items() if recording == "a")
        again = renamed(recordings["e"][:40], used)
        end = CallEnded(event_id=f"{used}/again", call_id=used, captured_at_ns=1)
        await others.fed(5_000)
        await put(run, [*again[:30], end], run.feed.partition(used))
        await run.watch.until(lambda: len(letters(run, used)) >= 30, "dead letters")
        agents["first.transcribe"].kill()
        await put(run, again[30:], run.feed.partition(used))
        await fleet.launch("transcribe", worker="second").ready()
        await others.assert_unchanged()
        await run.watch.until(lambda: len(letters(run, used)) >= len(again), "dead letters")
        await run.assert_equal()

    assert set(letters(run, used)) == {catalogue.encode(message) for message in again}
    assert {alert["event_id"] for alert in alerts(run, used)} == {alerts(run, used)[0]["event_id"]}
    assert alerts(run, used)[0]["kind"] == "audio_after_end"
    assert len(run.watch.messages(catalogue.FINALIZED, used, "finalized_call.v1")) == 1


async def test_the_input_of_closed_calls_may_be_read_again(
    fleet: Fleet, begin: Begin, recordings: dict[str, list[AudioMessage]]
) -> None:
    """A call that goes on holds back what is committed of its partition; the agents are killed."""
    agents = await fleet.start("first")

    async with begin() as run:
        await run.feed.until(0)
        ends: list[tuple[list[AudioMessage], int]] = []
        for partition in {run.feed.partition(each) for each in run.recorded}:
            pinned = call_id(f"pin{partition}", run.watch.run)
            call = [m for m in renamed(recordings["d"][:30], pinned) if isinstance(m, AudioChunk)]
            end = CallEnded(event_id=f"{pinned}/end", call_id=pinned, captured_at_ns=1)
            await put(run, [call[0]], partition)
            ends.append(([*call[1:], end], partition))
        await run.assert_unchanged()
        for agent in agents.values():
            agent.kill()
        await fleet.start("second")
        for rest, partition in ends:
            await put(run, rest, partition)
        await run.watch.until_finalized(*(rest[0].call_id for rest, _ in ends))
        await run.assert_equal()

    assert not list(run.watch.of(catalogue.DEAD_LETTERS))
    assert not list(run.watch.of(catalogue.ALERTS))
    finalized = [record.key for record in run.watch.of(catalogue.FINALIZED)]
    assert len(finalized) == len(set(finalized))

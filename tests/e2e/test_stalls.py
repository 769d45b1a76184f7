"""A call whose gateway dies does not stay open."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.audio import AudioMessage, CallEnded, CallStalled
from schemas.codec import decode_audio
from stream_app import topics
from tests.e2e.fleet import Fleet
from tests.e2e.lanes import difference, undisturbed
from tests.e2e.scenario import Begin, Broker

pytestmark = pytest.mark.e2e


@pytest.fixture
def impatient_fleet(broker: Broker, tmp_path: Path) -> Iterator[Fleet]:
    """Agents that close a call after 4 s without audio, its segments and turns after 2."""
    stalls = {"stall_after_s": 2.0, "stale_after_s": 4.0}
    with Fleet(broker.settings.replace(stalls=stalls), tmp_path) as fleet:
        yield fleet


async def test_a_call_whose_gateway_dies_is_stalled_and_ended(
    impatient_fleet: Fleet, begin: Begin
) -> None:
    """The markers stand on the log, and the log alone explains the lane."""
    await impatient_fleet.start("first")

    async with begin("a") as run:
        (abandoned,) = run.recorded
        await run.feed.until(8_000)
        await run.watch.until_finalized(abandoned)
        log: list[AudioMessage] = [
            decode_audio(record.value) for record in run.watch.of(topics.AUDIO, abandoned)
        ]
        lane = run.watch.lane(abandoned)
        (call,) = run.watch.messages(topics.FINALIZED, abandoned, "finalized_call.v1")

    assert [type(message) for message in log[-2:]] == [CallStalled, CallEnded]
    assert call["end_reason"] == "stale"
    assert call["metrics"]["duration_ms"] == 8_000
    assert difference(lane, undisturbed(log, impatient_fleet.settings)) == ""


async def test_a_stalled_call_goes_on_when_its_audio_does(
    impatient_fleet: Fleet, begin: Begin
) -> None:
    await impatient_fleet.start("first")

    async with begin("b") as run:
        (call_id,) = run.recorded
        await run.feed.until(6_000)
        await run.watch.until(
            lambda: any(
                isinstance(decode_audio(record.value), CallStalled)
                for record in run.watch.of(topics.AUDIO, call_id)
            ),
            "stall marker",
        )
        await run.feed.rest()
        await run.watch.until_finalized(call_id)
        log = [decode_audio(record.value) for record in run.watch.of(topics.AUDIO, call_id)]
        lane = run.watch.lane(call_id)
        (call,) = run.watch.messages(topics.FINALIZED, call_id, "finalized_call.v1")

    assert call["end_reason"] == "completed"
    assert difference(lane, undisturbed(log, impatient_fleet.settings)) == ""

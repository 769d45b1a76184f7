"""A call whose gateway dies does not stay open."""

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from schemas import catalogue
from schemas.audio import AudioChunk, AudioMessage, CallEnded, CallHeld, CallResumed, CallStalled
from schemas.codec import decode_audio
from tests.support.system.call_feed import CallFeed
from tests.support.system.fleet import Fleet
from tests.support.system.lanes import call_id, difference, renamed, undisturbed
from tests.support.system.scenario import Begin, Broker
from tests.support.system.topic_watch import TopicWatch

pytestmark = pytest.mark.e2e


def log_of(watch: TopicWatch, each: str) -> list[AudioMessage]:
    """Return the messages of a call on the audio topic."""
    return [decode_audio(record.value) for record in watch.of(catalogue.AUDIO, each)]


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
        log = log_of(run.watch, abandoned)
        lane = run.watch.lane(abandoned)
        (call,) = run.watch.messages(catalogue.FINALIZED, abandoned, "finalized_call.v1")

    assert [type(message) for message in log[-2:]] == [CallStalled, CallEnded]
    assert call["end_reason"] == "stale"
    assert call["metrics"]["duration_ms"] == 8_000
    assert difference(lane, undisturbed(log, impatient_fleet.settings)) == ""


@pytest.fixture
def lenient_fleet(broker: Broker, tmp_path: Path) -> Iterator[Fleet]:
    """Agents that close the segments of a call after 2 s without audio, the call after a minute."""
    stalls = {"stall_after_s": 2.0, "stale_after_s": 60.0}
    with Fleet(broker.settings.replace(stalls=stalls), tmp_path) as fleet:
        yield fleet


async def test_a_stalled_call_goes_on_when_its_audio_does(
    lenient_fleet: Fleet, begin: Begin
) -> None:
    await lenient_fleet.start("first")

    async with begin("b") as run:
        (paused,) = run.recorded
        await run.feed.until(6_000)
        await run.watch.until(
            lambda: any(isinstance(message, CallStalled) for message in log_of(run.watch, paused)),
            "stall marker",
        )
        await run.feed.rest()
        await run.watch.until_finalized(paused)
        log = log_of(run.watch, paused)
        lane = run.watch.lane(paused)
        (call,) = run.watch.messages(catalogue.FINALIZED, paused, "finalized_call.v1")

    assert call["end_reason"] == "completed"
    assert difference(lane, undisturbed(log, lenient_fleet.settings)) == ""


HELD_AT_MS, HOLD_MS = 6_000, 10_000


def around_hold(
    recording: Sequence[AudioMessage], each: str
) -> tuple[list[AudioMessage], list[AudioMessage]]:
    """Return what a call sends before it is put on hold, and what it sends from its resumption on.

    Its gateway sends nothing meanwhile.
    """
    before: list[AudioMessage] = []
    after: list[AudioMessage] = [
        CallResumed(event_id="r", call_id=each, captured_at_ns=1, at_ms=HELD_AT_MS + HOLD_MS)
    ]
    for message in renamed(recording, each):
        if isinstance(message, AudioChunk) and message.start_ms >= HELD_AT_MS:
            later_ms = message.start_ms + HOLD_MS
            after.append(msgspec.structs.replace(message, start_ms=later_ms))
        else:
            (after if isinstance(message, CallEnded) else before).append(message)
    return before, after


def held(each: str) -> bytes:
    return catalogue.encode(
        CallHeld(event_id="h", call_id=each, captured_at_ns=1, at_ms=HELD_AT_MS)
    )


@pytest.fixture
def patient_fleet(broker: Broker, tmp_path: Path) -> Iterator[Fleet]:
    """Agents that close a call after 4 s without audio, but one on hold after 12 s."""
    stalls = {"stall_after_s": 2.0, "stale_after_s": 4.0, "stale_on_hold_after_s": 12.0}
    with Fleet(broker.settings.replace(stalls=stalls), tmp_path) as fleet:
        yield fleet


async def test_a_call_on_hold_outlives_one_that_is_silent_and_goes_on(
    impatient_fleet: Fleet, recordings: dict[str, list[AudioMessage]]
) -> None:
    """Both halves are in one finalized call, with the time of the hold."""
    await impatient_fleet.start("first")
    run = secrets.token_hex(3)
    on_hold, silent = call_id("a", f"{run}.hold"), call_id("b", f"{run}.silent")
    before, after = around_hold(recordings["a"], on_hold)
    calls = {on_hold: before, silent: renamed(recordings["b"], silent)}
    kafka = impatient_fleet.settings.kafka

    async with TopicWatch(kafka, run) as watch:
        async with CallFeed(kafka, calls) as feed:
            await feed.until(HELD_AT_MS)
            await feed.raw(catalogue.AUDIO, feed.partition(on_hold), on_hold, held(on_hold))
        await watch.until(lambda: ("transcribe", silent) in watch.closed(), "end of a silent call")
        await watch.until(
            lambda: any(isinstance(message, CallStalled) for message in log_of(watch, on_hold)),
            "stall marker of the call on hold",
        )
        async with CallFeed(kafka, {on_hold: after}) as feed:
            await feed.rest()
        await watch.until_finalized(on_hold)
        log, lane = log_of(watch, on_hold), watch.lane(on_hold)
        (call,) = watch.messages(catalogue.FINALIZED, on_hold, "finalized_call.v1")

    assert call["end_reason"] == "completed"
    assert call["metrics"]["hold_ms"] == HOLD_MS
    starts = [turn["start_ms"] for turn in call["turns"]]
    assert min(starts) < HELD_AT_MS < HELD_AT_MS + HOLD_MS <= max(starts)
    assert difference(lane, undisturbed(log, impatient_fleet.settings)) == ""


async def test_a_call_that_is_never_resumed_ends_by_the_limit_of_a_hold(
    patient_fleet: Fleet, begin: Begin
) -> None:
    await patient_fleet.start("first")

    async with begin("a", "b") as run:
        on_hold, silent = run.recorded
        await run.feed.until(HELD_AT_MS)
        await run.feed.raw(catalogue.AUDIO, run.feed.partition(on_hold), on_hold, held(on_hold))
        await run.watch.until_finalized(on_hold, silent)
        ends = {
            each: [(record.timestamp, decode_audio(record.value)) for record in records]
            for each in (on_hold, silent)
            if (records := [*run.watch.of(catalogue.AUDIO, each)])
        }
        (call,) = run.watch.messages(catalogue.FINALIZED, on_hold, "finalized_call.v1")

    assert call["end_reason"] == "stale"
    assert {type(log[-1][1]) for log in ends.values()} == {CallEnded}
    assert ends[on_hold][-1][0] - ends[silent][-1][0] > 4_000

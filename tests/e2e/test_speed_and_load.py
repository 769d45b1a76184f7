"""Whatever the speed and the number of calls, the lane is what the state machines make of it."""

import secrets

import pytest

from schemas import catalogue
from schemas.audio import AudioMessage
from tests.support.system.call_feed import CallFeed
from tests.support.system.lanes import Lane, call_id, difference, renamed
from tests.support.system.scenario import Begin, Broker
from tests.support.system.topic_watch import TopicWatch

pytestmark = pytest.mark.e2e
SKEWS_S = {"right": 0.0, "behind": -60.0, "ahead": 60.0}


@pytest.mark.parametrize(
    ("names", "speed", "copies"),
    [
        pytest.param((), 8.0, 1, id="five calls eight times as fast"),
        pytest.param(("a",), None, 1, id="one call at full speed"),
        pytest.param((), None, 4, id="twenty calls at full speed"),
    ],
)
async def test_speed_and_load_change_nothing(
    begin_shared: Begin, names: tuple[str, ...], speed: float | None, copies: int
) -> None:
    async with begin_shared(*names, speed=speed, copies=copies) as run:
        await run.assert_unchanged()


async def test_calls_in_real_time_get_partials_whatever_the_clocks_of_their_gateways_say(
    shared_broker: Broker, recordings: dict[str, list[AudioMessage]], expected: dict[str, Lane]
) -> None:
    """Without any load; and the lane is the same."""
    run, kafka = secrets.token_hex(3), shared_broker.settings.kafka
    calls = {name: call_id("a", f"{run}.{name}") for name in SKEWS_S}
    messages = {each: renamed(recordings["a"], each) for each in calls.values()}
    skews_s = {calls[name]: skew_s for name, skew_s in SKEWS_S.items()}

    async with TopicWatch(kafka, run) as watch:
        async with CallFeed(kafka, messages, speed=1.0, skews_s=skews_s) as feed:
            await feed.rest()
        await watch.until_finalized(*calls.values())
        partials = {
            name: len(watch.messages(catalogue.TRANSCRIPTS, each, "transcript_partial.v1"))
            for name, each in calls.items()
        }
        lanes = [watch.lane(each) for each in calls.values()]

    assert all(partials.values()), partials
    assert [difference(lane, expected["a"]) for lane in lanes] == [""] * len(lanes)

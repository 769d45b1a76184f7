"""A gateway whose clock is off gets its partials like any other."""

import secrets

import pytest

from schemas.audio import AudioMessage
from stream_app import topics
from tests.e2e.call_feed import CallFeed
from tests.e2e.fleet import Fleet
from tests.e2e.lanes import call_id, renamed
from tests.e2e.topic_watch import TopicWatch

pytestmark = pytest.mark.e2e
SKEWS_S = {"right": 0.0, "behind": -60.0, "ahead": 60.0}


async def test_calls_whose_gateways_have_clocks_of_their_own_all_get_partials(
    fleet: Fleet, recordings: dict[str, list[AudioMessage]]
) -> None:
    """In real time, without any load; a call is finalized whatever its clock says."""
    await fleet.start("first")
    run, kafka = secrets.token_hex(3), fleet.settings.kafka
    calls = {name: call_id("a", f"{run}.{name}") for name in SKEWS_S}
    messages = {each: renamed(recordings["a"], each) for each in calls.values()}
    skews_s = {calls[name]: skew_s for name, skew_s in SKEWS_S.items()}

    async with TopicWatch(kafka, run) as watch:
        async with CallFeed(kafka, messages, speed=1.0, skews_s=skews_s) as feed:
            await feed.rest()
        await watch.until_finalized(*calls.values())
        partials = {
            name: len(watch.messages(topics.TRANSCRIPTS, each, "transcript_partial.v1"))
            for name, each in calls.items()
        }

    assert all(partials.values()), partials

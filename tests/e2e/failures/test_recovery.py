"""Agents die, hang and come back in mid-call; every call comes out as if nothing had happened.

The reference of each comparison is what the state machines make of the call without any broker:
words, ids, turns, metrics and the finalized call, to the byte.
"""

import orjson
import pytest

from schemas import catalogue
from tests.support.system.fleet import AGENTS, Fleet
from tests.support.system.lanes import Lane
from tests.support.system.scenario import Begin

pytestmark = pytest.mark.e2e
CUTS_MS = {"transcribe": 4_000, "detect_turns": 6_500, "finalize": 9_000}  # all in mid-call
SPEED = 4.0  # slow enough that offsets and checkpoints are committed while speech goes on


def longest_speech_ms(lane: Lane) -> tuple[int, int]:
    """Return start and end of the longest stretch of speech of a call."""
    turns = [m for m in map(orjson.loads, lane[catalogue.TURNS]) if m["schema"] == "turn_ended.v1"]
    return max(
        ((start_ms, end_ms) for turn in turns for start_ms, end_ms in turn["speech"]),
        key=lambda span: span[1] - span[0],
    )


def longest_passage_ms(lane: Lane) -> tuple[int, int]:
    """Return begin and end of the passage whose last final revises most segments."""
    finals = [
        m
        for m in map(orjson.loads, lane[catalogue.TRANSCRIPTS])
        if m["schema"] == "transcript_final.v1"
    ]
    last = max(finals, key=lambda final: len(final["revised"]))
    return last["revised"][0]["start_ms"], last["at_ms"]


def test_the_calls_have_words_to_revise(expected: dict[str, Lane]) -> None:
    """In open turns and in turns that have ended, so that the tests here can lose some."""
    messages = [
        orjson.loads(value)
        for lane in expected.values()
        for topic in (catalogue.TRANSCRIPTS, catalogue.TURNS)
        for value in lane[topic]
    ]
    assert sum(len(message.get("revised", ())) for message in messages) > 20
    assert sum(message["schema"] == "turn_revised.v1" for message in messages) > 5


async def test_a_worker_is_killed_in_mid_passage(
    fleet: Fleet, begin: Begin, expected: dict[str, Lane]
) -> None:
    """Five calls on each partition; the other worker has the passage's audio from the log alone."""
    begin_ms, end_ms = longest_passage_ms(expected["a"])
    agents = await fleet.start("first", "second")

    async with begin(speed=SPEED, copies=4) as run:
        await run.fed((begin_ms + end_ms) // 2, transcribed_ms=begin_ms)
        for agent in AGENTS:
            agents[f"first.{agent}"].kill()
        await run.assert_unchanged()


async def test_another_worker_takes_over_from_killed_agents(fleet: Fleet, begin: Begin) -> None:
    agents = await fleet.start("first", "second")

    async with begin(speed=SPEED) as run:
        for agent, cut_ms in CUTS_MS.items():
            await run.fed(cut_ms)
            agents[f"first.{agent}"].kill()
        await run.assert_unchanged()


async def test_the_only_agents_are_killed_and_started_again(fleet: Fleet, begin: Begin) -> None:
    """Calls go on while nobody reads them."""
    agents = await fleet.start("only")

    async with begin(speed=SPEED) as run:
        for agent, cut_ms in CUTS_MS.items():
            await run.fed(cut_ms)
            agents[f"only.{agent}"].kill()
            await run.feed.until(cut_ms + 1_000)
            fleet.launch(agent, worker="only")
        await run.assert_unchanged()


async def test_all_agents_are_killed_at_once_and_again(fleet: Fleet, begin: Begin) -> None:
    async with begin(speed=SPEED) as run:
        for cut_ms in (4_000, 8_000):
            agents = await fleet.start("only")
            await run.fed(cut_ms)
            for agent in agents.values():
                agent.kill()
        await fleet.start("only")
        await run.assert_unchanged()


async def test_a_worker_joins_in_mid_utterance_and_the_old_one_is_killed(
    fleet: Fleet, begin: Begin, expected: dict[str, Lane]
) -> None:
    """What the new worker knows of an utterance it did not hear begin is what the log tells."""
    start_ms, end_ms = longest_speech_ms(expected["a"])
    agents = await fleet.start("old")

    async with begin(speed=SPEED) as run:
        await run.fed((start_ms + end_ms) // 2, transcribed_ms=start_ms)
        await fleet.start("new")
        await run.fed((start_ms + 3 * end_ms) // 4, transcribed_ms=start_ms)
        for agent in agents.values():
            agent.kill()
        await run.assert_unchanged()


async def test_a_frozen_worker_wakes_as_a_zombie(fleet: Fleet, begin: Begin) -> None:
    """It goes on with what it had in hand; nobody is misled, and it serves new calls."""
    agents = await fleet.start("frozen", "second")
    zombies = [agents[f"frozen.{agent}"] for agent in AGENTS]

    async with begin(speed=SPEED) as run:
        await run.fed(CUTS_MS["detect_turns"])
        for zombie in zombies:
            zombie.freeze()
        await run.assert_unchanged()  # the other one has taken all of them over
        for zombie in zombies:
            zombie.wake()
        async with begin() as later:
            await later.assert_unchanged()
        assert all(zombie.is_running for zombie in zombies)
        await run.assert_equal()

"""New files of the end-of-turn model while calls go on: no restart, no turn lost.

Calls that were under way come out as if nothing had happened, to the byte; calls that begin later
as if the new files had always been there; bad files change nothing at all.
"""

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.audio import AudioMessage
from schemas.catalogue import FINALIZED, TURNS
from schemas.codec import from_state
from stream_app.calls.detect_turns.call_state import CallState
from stream_app.settings import Settings
from tests.support.models.tiny_turns import write_turn_model
from tests.support.system.fleet import AgentProcess, Fleet
from tests.support.system.lanes import Lane, undisturbed
from tests.support.system.scenario import Broker, Run, running
from tests.support.waiting import until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("broker", ["embedded"], indirect=True),  # files know no broker
]
SPEED = 4.0
COPIES = 3
TURN_ENDED = "turn_ended.v1"
FED_MS = 8_000  # by then every call has its first words and goes on for a while
Recordings = Mapping[str, Sequence[AudioMessage]]


@dataclass(frozen=True)
class Site:
    """A worker with a model of its own.

    Attributes:
        folder: Of the versions of the model that the worker uses; ``v1`` is there.
        expected: Undisturbed lanes of the recordings by the seed of the model.
    """

    fleet: Fleet
    folder: Path
    expected: Mapping[int, Mapping[str, Lane]]


@pytest.fixture
def site(
    broker: Broker, recordings: dict[str, list[AudioMessage]], tmp_path: Path
) -> Iterator[Site]:
    """A worker's settings, and what is to come of the calls by each version of its model."""
    expected = {}
    for seed in (1, 2):
        own = broker.settings.replace(turns=turns_of(tmp_path / f"seed-{seed}"))
        write_turn_model(tmp_path / f"seed-{seed}", seed=seed)
        expected[seed] = {name: undisturbed(each, own) for name, each in recordings.items()}
    assert expected[1] != expected[2]
    folder = tmp_path / "model"
    write_turn_model(folder / "v1", seed=1)
    logs = tmp_path / "logs"
    logs.mkdir()
    with Fleet(broker.settings.replace(turns=turns_of(folder)), logs) as fleet:
        yield Site(fleet, folder, expected)


async def test_a_swap_and_a_bad_file_under_load(
    site: Site, recordings: dict[str, list[AudioMessage]]
) -> None:
    agents = await site.fleet.start("only")
    worker = agents["only.detect_turns"]
    pid = worker.pid

    async with calls(site, recordings, seed=1) as before:
        await all_have_begun(before)
        write_turn_model(site.folder / "v1", seed=2)
        await has_logged(worker, "turn_model.swapped")
        async with calls(site, recordings, seed=2) as after:
            await asyncio.gather(before.assert_unchanged(), all_have_begun(after))
            (site.folder / "v1" / "tiny.onnx").write_bytes(b"\x08\x01 no graph at all")
            await has_logged(worker, "turn_model.refused")
            async with calls(site, recordings, seed=2) as later:
                await asyncio.gather(after.assert_unchanged(), later.assert_unchanged())

    assert worker.pid == pid
    assert worker.is_running
    assert names_of_models(before) != names_of_models(after)
    assert names_of_models(after) == names_of_models(later)


async def test_a_takeover_after_a_swap_ends_the_calls_with_the_model_at_hand(
    site: Site, recordings: dict[str, list[AudioMessage]]
) -> None:
    """The version with which they began went with the worker that had it.

    What that worker wrote just before its death may come again with another end; the words stay.
    """
    agents = await site.fleet.start("only")

    async with calls(site, recordings, seed=1) as run:
        await all_have_begun(run)
        agents["only.detect_turns"].kill()
        write_turn_model(site.folder / "v1", seed=2)
        successor = site.fleet.launch("detect_turns", worker="only")
        await run.feed.rest()
        await run.watch.until_finalized(*run.recorded)

    await has_logged(successor, "turn_model.replaced")
    for each, name in run.recorded.items():
        expected = [orjson.loads(value) for value in site.expected[1][name][TURNS]]
        assert words(run.watch.messages(TURNS, each, TURN_ENDED)) == words(expected)


async def test_a_takeover_goes_on_with_the_version_that_still_lies_on_disk(
    site: Site, recordings: dict[str, list[AudioMessage]]
) -> None:
    agents = await site.fleet.start("only")

    async with calls(site, recordings, seed=1) as run:
        await all_have_begun(run)
        agents["only.detect_turns"].kill()
        write_turn_model(site.folder / "v2", seed=2)
        successor = site.fleet.launch("detect_turns", worker="only")
        async with calls(site, recordings, seed=2) as after:
            await asyncio.gather(run.assert_unchanged(), after.assert_unchanged())

    assert "turn_model.replaced" not in {line["event"] for line in log_of(successor)}


def turns_of(folder: Path) -> dict[str, object]:
    return {
        "model": str(folder),
        "routes": "agent=party:agent;customer=party:customer",
        "dictation_silence_ms": 700,  # the words of these calls look like codes
        "refresh_s": 0.2,
    }


def calls(site: Site, recordings: Recordings, *, seed: int) -> AbstractAsyncContextManager[Run]:
    """Return calls of which is to come what a model of that seed makes of them."""
    settings: Settings = site.fleet.settings
    return running(settings.kafka, recordings, site.expected[seed], speed=SPEED, copies=COPIES)


async def all_have_begun(run: Run) -> None:
    """Send the calls until each has a turn, and a checkpoint that names the model."""
    await run.fed(FED_MS)
    await run.watch.until(
        lambda: all(run.watch.messages(TURNS, c, "turn_started.v1") for c in run.recorded),
        "first turn of every call",
    )
    await run.watch.until(
        lambda: set(run.recorded) <= calls_with_a_judge(run), "a checkpoint of every call's judge"
    )


def calls_with_a_judge(run: Run) -> set[str]:
    """Return the calls of whose turns a checkpoint says which version of the model judges them.

    The first of a call may be of speech activity, before any final was judged: whoever goes on from
    that one is free to begin with another version.
    """
    return {
        each.call_id
        for each in run.watch.checkpoints()
        if each.agent == "detect_turns"
        and not each.is_closed
        and any(channel.judge for channel in from_state(each.state, CallState).channels)
    }


async def has_logged(process: AgentProcess, event: str) -> None:
    """Wait until an agent has logged an event."""
    await until(
        lambda: event in {line["event"] for line in log_of(process)},
        lambda: f"{event}: {process.tail()}",
    )


def log_of(process: AgentProcess) -> list[dict[str, object]]:
    lines = process.log.read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def names_of_models(run: Run) -> set[str]:
    """Return the models of turns that the finalized calls name."""
    finalized = [orjson.loads(record.value) for record in run.watch.of(FINALIZED)]
    assert len(finalized) == len(run.recorded)
    return {name for call in finalized for task, name in call["models"].items() if "turn" in task}


def words(messages: Iterable[dict[str, Any]]) -> list[str]:
    """Return the words of the turns of each channel in order; an id written twice counts last."""
    ended = {each["event_id"]: each for each in messages if each["schema"] == TURN_ENDED}
    return [
        " ".join(turn["text"] for turn in ended.values() if turn["channel"] == channel)
        for channel in (0, 1)
    ]

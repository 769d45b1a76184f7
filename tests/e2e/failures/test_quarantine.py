"""One message, or one decode, ends a process twice at most, and the calls beside it are whole."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import orjson
import pytest

from schemas import catalogue
from schemas.audio import AudioMessage, CallStarted, DtmfPressed
from stream_app.calls.transcribe.recognition import FAILED
from stream_app.runtime.memory.under_way import SET_ASIDE
from stream_app.worker.supervisor import Supervisor
from tests.support.system import lethal_agent
from tests.support.system.lanes import final_requests
from tests.support.system.lethal_agent import digest
from tests.support.system.scenario import SETTINGS, Begin, Broker, Run
from tests.support.system.topic_watch import headers_of

pytestmark = pytest.mark.e2e

AGENTS = (lethal_agent.DEFINITION, "detect_turns", "finalize")
WAYS = ("kill", "exit", "memory")
TRANSCRIBE = lethal_agent.DEFINITION
TIMEOUT_S = 120.0
LOG = "worker.log"


@pytest.fixture
def worker(broker: Broker, tmp_path: Path) -> Iterator[Supervisor]:
    """A supervised worker whose transcribe can be ended by what it reads."""
    path = tmp_path / LOG
    with path.open("wb") as log, Supervisor(broker.settings, AGENTS, log_file=log) as supervisor:
        supervisor.wait_ready()
        yield supervisor
    print(path.read_text(errors="replace")[-4_000:])


def starts(tmp_path: Path) -> int:
    """Return how often transcribe was started."""
    return (tmp_path / LOG).read_text(errors="replace").count(lethal_agent.BEGIN)


def alerts(run: Run, kind: str, call_id: str) -> int:
    values = [orjson.loads(record.value) for record in run.watch.of(catalogue.ALERTS)]
    return sum((value["kind"], value["call_id"]) == (kind, call_id) for value in values)


@pytest.mark.usefixtures("worker")
async def test_lethal_messages_become_dead_letters_and_the_calls_beside_them_are_whole(
    begin: Begin, tmp_path: Path
) -> None:
    """Whatever way they end the process in; each ends two of them, and the next one goes on."""
    async with begin() as run:
        await run.fed(5_000)
        partition = run.feed.partition(next(iter(run.recorded)))
        bad = f"lethal~{run.watch.run}"
        keys = [
            catalogue.encode(
                DtmfPressed(
                    event_id=f"{bad}/{way}",
                    call_id=bad,
                    captured_at_ns=1,
                    at_ms=0,
                    channel=0,
                    digit=f"die:{way}",
                )
            )
            for way in WAYS
        ]
        offsets = [await run.feed.raw(catalogue.AUDIO, partition, bad, key) for key in keys]
        await run.assert_unchanged(timeout_s=TIMEOUT_S)
        await run.watch.until(lambda: bool(alerts(run, "input_quarantined", bad)), "alert")
        await run.watch.catch_up()
        letters = [letter for letter in run.watch.of(catalogue.DEAD_LETTERS) if letter.key]

    told = [headers_of(letter) for letter in letters]
    # one whose acknowledgement the next death took with it comes twice
    found = {
        int(headers["offset"]): letter.value for headers, letter in zip(told, letters, strict=True)
    }
    assert found == dict(zip(offsets, keys, strict=True))
    assert {headers["reason"] for headers in told} == {SET_ASIDE}
    assert {headers["call_id"] for headers in told} == {bad}
    assert starts(tmp_path) == 1 + 2 * len(WAYS)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("way", ["kill", "memory"])
async def test_a_lethal_decode_comes_out_without_words_and_everything_else_is_whole(
    begin: Begin,
    recordings: dict[str, list[AudioMessage]],
    tmp_path: Path,
    way: str,
) -> None:
    """The final says so, and its call is finalized with all others."""
    requests = final_requests(recordings["a"], SETTINGS)
    lethal = requests[1]
    heard = np.concatenate((lethal.context, lethal.samples))
    async with begin("b", "c", "d", "e") as run:
        await run.fed(3_000)
        bad = f"a~{run.watch.run}.lethal"
        for message in recordings["a"]:
            sent = msgspec.structs.replace(message, call_id=bad, captured_at_ns=time.time_ns())
            if isinstance(sent, CallStarted):
                words = (f"die:{way}:{digest(heard)}",)
                context = msgspec.structs.replace(sent.context, hot_words=words)
                sent = msgspec.structs.replace(sent, context=context)
            partition = run.feed.partition(next(iter(run.recorded)))
            await run.feed.raw(catalogue.AUDIO, partition, bad, catalogue.encode(sent))
        await run.assert_unchanged(timeout_s=TIMEOUT_S)
        await run.watch.until_finalized(bad, timeout_s=TIMEOUT_S)
        finals = run.watch.messages(catalogue.TRANSCRIPTS, bad, "transcript_final.v1")

    seen = {final["segment_id"]: final for final in finals}
    assert len(seen) == len(requests)
    rejected = [final for final in seen.values() if final["rejected"] == FAILED]
    assert [final["start_ms"] for final in rejected] == [lethal.start_ms]
    assert [final["words"] for final in rejected] == [[]]
    assert all(final["words"] for final in seen.values() if not final["rejected"])
    assert starts(tmp_path) == 3


async def test_kills_from_outside_set_nothing_aside(
    worker: Supervisor, begin: Begin, tmp_path: Path
) -> None:
    """Three while calls go on: every word is there, nothing is a dead letter.

    Each process goes on behind what the one before it was killed at.
    """
    async with begin() as run:
        for at_ms in (3_500, 7_000, 10_500):
            await run.fed(at_ms, transcribed_ms=at_ms - 3_400)
            await run.watch.until(lambda: worker.is_ready, "ready")
            os.kill(worker.pid(TRANSCRIBE), signal.SIGKILL)
            await run.watch.until(lambda: not worker.is_ready, "end")
        await run.assert_unchanged(timeout_s=TIMEOUT_S)
        letters = list(run.watch.of(catalogue.DEAD_LETTERS))

    assert letters == []
    assert starts(tmp_path) == 4

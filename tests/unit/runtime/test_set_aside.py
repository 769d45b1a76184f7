"""What earlier deaths left to be suspected is taken alone or set aside; the rest goes on."""

import asyncio
import mmap
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP, Message

from schemas.audio import DtmfPressed
from schemas.catalogue import AUDIO
from schemas.codec import encode_audio
from stream_app.agents.definition import AgentDefinition
from stream_app.calls.effects import Commit, Effect, Refuse
from stream_app.calls.inference import Failed
from stream_app.monitoring.metrics import Metrics
from stream_app.runtime.inference.queue import Job, RequestQueue
from stream_app.runtime.inference.runs import ModelRunner
from stream_app.runtime.inference.thread import InferenceThread
from stream_app.runtime.memory.partitions import Partitions
from stream_app.runtime.memory.sessions import PartitionSession
from stream_app.runtime.memory.under_way import (
    SET_ASIDE,
    SHARED_BYTES,
    Suspects,
    UnderWay,
    input_mark,
    read_marks,
)
from stream_app.settings import KafkaSettings, Settings
from stream_app.transport.polls import Poll
from tests.integration.toy import Summer, define
from tests.support.runtime_bench import NoCheckpoints, RuntimeBench
from tests.support.waiting import until
from tests.unit.runtime.inference.test_inference import NO_RETRY, Fragile, urgent

TP0 = TP(AUDIO, 0)
NOBODY = Suspects()
MARKS = tuple(input_mark(0, offset) for offset in range(4))


def key(offset: int) -> Message:
    pressed = DtmfPressed(
        event_id="e", call_id="c", captured_at_ns=1, at_ms=offset, channel=0, digit="1"
    )
    return Message(
        AUDIO, 0, offset, 1.0, 0, [], b"c", encode_audio(pressed), None, tp=TP0, generation_id=1
    )


class Watched(Summer):
    """A call that notes what is marked while it is fed, and may die of the third key."""

    def __init__(self, call_id: str, bench: "Bench") -> None:
        super().__init__(call_id)
        self._bench = bench

    def feed(self, message: Any, offset: int) -> Sequence[Effect]:
        """Return the effects of a key."""
        self._bench.seen.append(read_marks(self._bench.area)["inputs"])
        if self._bench.is_lethal and offset == 3:
            raise MemoryError
        return super().feed(message, offset)


class Bench:
    """A runtime of the toy agent on one partition."""

    def __init__(self, suspects: Suspects = NOBODY, *, is_lethal: bool = False) -> None:
        self.area = mmap.mmap(-1, SHARED_BYTES)
        self.is_lethal = is_lethal
        self.seen: list[tuple[bytes, ...]] = []
        self.ended = 0
        toy = define(Settings())
        definition = AgentDefinition(
            name="toy",
            input_topic=AUDIO,
            decode=toy.decode,
            create=lambda call_id: Watched(call_id, self),
            restore=toy.restore,
        )
        bench = RuntimeBench(definition, under_way=UnderWay(self.area, suspects), end=self.note_end)
        self.runtime, self.outbox, self.take = bench.runtime, bench.outbox, bench.take
        bench.begin()

    def note_end(self) -> None:
        """Take the end of the process."""
        self.ended += 1


class Stream:
    """Holds one poll of some messages."""

    def __init__(self, *messages: Message) -> None:
        self._poll = Poll(messages)

    def noack(self) -> "Stream":
        """Return this."""
        return self

    async def events(self) -> AsyncIterator[Any]:
        """Yield the poll as Faust does."""
        yield SimpleNamespace(message=self._poll)


def suspected(*offsets: int) -> Suspects:
    return Suspects(suspected=tuple(input_mark(0, offset).hex() for offset in offsets))


def convicted(*offsets: int) -> Suspects:
    return Suspects(convicted=tuple(input_mark(0, offset).hex() for offset in offsets))


async def test_without_suspects_inputs_are_fed_together() -> None:
    bench = Bench()

    await bench.take([key(offset) for offset in range(4)])

    assert bench.seen == [MARKS] * 4
    assert read_marks(bench.area)["inputs"] == ()


async def test_a_suspect_is_fed_alone_and_then_no_suspect_any_more() -> None:
    """So that a second death tells which one it was."""
    bench = Bench(suspected(1))

    await bench.take([key(offset) for offset in range(4)])

    assert bench.seen == [MARKS[:1], MARKS[1:2], MARKS[2:], MARKS[2:]]


async def test_a_convicted_input_is_a_dead_letter_that_no_machine_sees() -> None:
    bench = Bench(convicted(3), is_lethal=True)

    await bench.take([key(offset) for offset in range(4)])

    assert bench.outbox.refused == [Refuse(3, SET_ASIDE)]
    assert Commit((3,)) in bench.outbox.effects
    assert bench.outbox.alerts == [("c", "input_quarantined")]
    counted = bench.runtime.metrics.registry.get_sample_value(
        "callstream_quarantined_inputs_total", {"agent": "toy"}
    )
    assert counted == 1
    assert bench.seen == [MARKS] * 3
    assert not bench.ended


async def test_a_failure_that_is_caught_leaves_the_marks_of_its_group() -> None:
    """And of nothing else that was under way: the model is not to blame."""
    bench = Bench(is_lethal=True)
    UnderWay(bench.area).marked("requests", [b"r" * 16]).__enter__()

    with pytest.raises(MemoryError):
        await bench.runtime.run(Stream(*(key(offset) for offset in range(4))))

    assert read_marks(bench.area) == {"inputs": MARKS, "requests": (), "results": ()}
    assert bench.ended == 1


async def test_a_failure_of_the_brokers_suspects_nobody() -> None:
    bench = Bench()
    UnderWay(bench.area).marked("requests", [b"r" * 16]).__enter__()
    UnderWay(bench.area).marked("inputs", [input_mark(0, 1)]).__enter__()

    bench.runtime.context.process_end.fail_outside(OSError("no broker"))

    assert set(read_marks(bench.area).values()) == {()}
    assert bench.ended == 1


def inference(model: Fragile, under_way: UnderWay, *jobs: Job) -> dict[str, Any]:
    """Return the result of each request, by its name."""
    results: dict[str, Any] = {}

    async def play() -> None:
        thread = InferenceThread(
            ModelRunner(model, Metrics("toy"), under_way),
            RequestQueue(2.0, max_urgent=8),
            NO_RETRY,
            metrics=Metrics("toy"),
            on_result=lambda job, result: results.update({job.request.name: result}),  # type: ignore[attr-defined]
            on_failure=lambda error: results.update({"failure": error}),
        )
        for job in jobs:
            thread.submit(job)
        thread.start()
        await until(lambda: len(results) >= len(jobs) or "failure" in results)
        thread.stop()

    asyncio.run(play())
    return results


def test_a_suspected_request_is_run_alone_and_a_convicted_one_never() -> None:
    jobs = [urgent(name) for name in ("one", "suspect", "convict", "two")]
    suspects = Suspects(suspected=(jobs[1].mark.hex(),), convicted=(jobs[2].mark.hex(),))
    model = Fragile()

    results = inference(model, UnderWay(suspects=suspects), *jobs)

    assert ["suspect"] in model.batches
    assert not any("convict" in batch for batch in model.batches)
    assert results["convict"] == Failed(SET_ASIDE)
    assert {name: results[name] for name in ("one", "two", "suspect")} == {
        "one": "one",
        "two": "two",
        "suspect": "suspect",
    }


def test_what_ends_the_process_leaves_the_marks_of_its_batch() -> None:
    area = mmap.mmap(-1, SHARED_BYTES)
    job = urgent("bad")

    results = inference(Fragile(bad=MemoryError()), UnderWay(area), job)

    assert isinstance(results["failure"], MemoryError)
    assert read_marks(area)["requests"] == (job.mark,)


def test_a_request_that_fails_for_its_values_leaves_none() -> None:
    area = mmap.mmap(-1, SHARED_BYTES)

    results = inference(Fragile(bad=ValueError()), UnderWay(area), urgent("bad"))

    assert isinstance(results["bad"], Failed)
    assert read_marks(area)["requests"] == ()


def test_a_request_has_the_same_mark_in_every_process_and_another_than_its_neighbours() -> None:
    assert urgent("one").mark == urgent("one").mark
    assert len({urgent(name, call).mark for name in ("a", "b") for call in ("c", "d")}) == 4


@pytest.mark.parametrize(("suspects", "fed"), [(NOBODY, [0, 1, 2]), (convicted(1), [0, 2])])
async def test_what_is_read_again_of_an_open_call_is_marked_too(
    suspects: Suspects, fed: list[int]
) -> None:
    """It was fed before its process died, and ends the next one as well."""
    bench = Bench()
    seen: list[int] = []
    area = mmap.mmap(-1, SHARED_BYTES)

    class Reader(Summer):
        def feed(self, _: Any, offset: int) -> Sequence[Effect]:
            assert read_marks(area)["inputs"] == (input_mark(0, offset),)
            seen.append(offset)
            return ()

    partitions: Any = Partitions(
        KafkaSettings(), bench.runtime.definition, NoCheckpoints(),
        metrics=bench.runtime.metrics, on_failure=bench.runtime.context.process_end.fail,
        under_way=UnderWay(area, suspects),
    )  # fmt: skip
    session = PartitionSession(TP0, 1, lambda _: None)
    session.machines["c"] = Reader("c")

    for offset in range(3):
        partitions._feed_one(session, key(offset), {"c": 0})

    assert seen == fed
    assert read_marks(area)["inputs"] == ()

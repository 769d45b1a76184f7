"""The life of a runtime: polls in, generations that end, failures that end the process."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import Message

from schemas.audio import DtmfPressed
from schemas.codec import encode_audio
from stream_app.agents.definition import AgentDefinition
from stream_app.agents.limits import Limits
from stream_app.calls.effects import Commit, Effect, Emit
from stream_app.runtime.agent_runtime import MAX_FED_TOGETHER
from stream_app.settings import Settings
from stream_app.transport.polls import Poll
from tests.integration.toy import GROUP, Square, Summer, define
from tests.support.process_end import unexpected_end
from tests.support.runtime_bench import RuntimeBench
from tests.support.waiting import until

LIMIT_S = 20.0


class Stream:
    """A stream of some polls."""

    def __init__(self, *polls: Sequence[Message]) -> None:
        self.polls = [Poll(tuple(messages)) for messages in polls]

    def noack(self) -> "Stream":
        """Return this."""
        return self

    async def events(self) -> AsyncIterator[Any]:
        """Yield the polls as Faust does."""
        for poll in self.polls:
            yield SimpleNamespace(message=poll)


class Model:
    """Answers when the test lets it."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.asked: list[int] = []

    def __call__(self, requests: Sequence[Square]) -> list[tuple[Square, int]]:
        """Return the squares."""
        self.asked += [request.number for request in requests]
        assert self.may_answer.wait(LIMIT_S)
        return [(request, request.value**2) for request in requests]


class Fragile(Summer):
    """A call that takes no results."""

    def resolve(self, _: object) -> Sequence[Effect]:
        """Fail, as a machine with a fault would."""
        raise RuntimeError("a fault")


class Faulty(Summer):
    """A call that takes no messages."""

    def feed(self, _: object, __: int) -> Sequence[Effect]:
        """Fail, as a machine with a fault would."""
        raise RuntimeError("a fault")


class Bench(RuntimeBench):
    """The toy agent with a model of the test's."""

    def __init__(
        self,
        machine: type[Summer] = Summer,
        *,
        limits: Limits | None = None,
        is_lasting: bool = True,
    ) -> None:
        toy = define(Settings())
        self.model = Model()
        self.ends = 0
        definition = AgentDefinition(
            name="toy",
            input_topic=toy.input_topic,
            decode=toy.decode,
            create=machine,
            restore=machine.restore,
            infer=self.model,
            max_batch=4,
            limits=limits or Limits(),
        )
        super().__init__(definition, end=unexpected_end if is_lasting else self._note_end)
        assert self.parts.inference is not None
        self.inference = self.parts.inference
        self.inference.start()
        self.begin()

    def _note_end(self) -> None:
        self.ends += 1

    def keys(self, count: int, first: int = 0, call_id: str = "c") -> list[Message]:
        """Return messages of a call, each with a key of its own."""
        return [self.message(n, key(call_id, n)) for n in range(first, first + count)]

    def of(self, kind: type[Effect]) -> list[Any]:
        """Return the effects of a kind."""
        return [effect for effect in self.outbox.effects if isinstance(effect, kind)]


def key(call_id: str, at_ms: int) -> bytes:
    return encode_audio(
        DtmfPressed(
            event_id=f"{at_ms}",
            call_id=call_id,
            captured_at_ns=1,
            at_ms=at_ms,
            channel=0,
            digit="1",
        )
    )


async def test_a_large_poll_is_fed_in_groups_and_every_message_once() -> None:
    """Else results of the model would wait behind all of it."""
    bench = Bench()
    bench.model.may_answer.set()
    groups: list[int] = []
    take = bench.parts.intake.take

    async def noted(messages: Sequence[Message]) -> None:
        groups.append(len(messages))
        await take(messages)

    bench.parts.intake.take = noted  # type: ignore[method-assign]
    stream = Stream(bench.keys(2 * MAX_FED_TOGETHER + 5))

    await bench.runtime.run(stream)
    await until(lambda: not bench.inference.unfinished)
    await until(lambda: len(bench.of(Commit)) == sum(groups) // GROUP)
    await bench.runtime.context.process_end.cancel()
    bench.inference.stop()

    assert groups == [MAX_FED_TOGETHER, MAX_FED_TOGETHER, 5]
    assert stream.polls[0].is_taken.is_set()
    assert bench.count("events") == sum(groups)
    assert bench.model.asked == [GROUP * n + GROUP - 1 for n in range(sum(groups) // GROUP)]


async def test_reading_waits_for_the_model_and_goes_on_with_its_answers() -> None:
    bench = Bench(limits=Limits(max_cost=250))  # the toy's requests cost 100 each
    polls = [bench.keys(GROUP, GROUP * n) for n in range(6)]
    running = asyncio.create_task(bench.runtime.run(Stream(*polls)))

    await until(lambda: bench.inference.unfinished == 3)
    await asyncio.sleep(0)
    assert bench.count("events") == 3 * GROUP

    bench.model.may_answer.set()
    await asyncio.wait_for(running, LIMIT_S)
    await until(lambda: len(bench.of(Commit)) == 6)
    bench.inference.stop()


async def test_what_the_model_says_of_a_lost_partition_is_void() -> None:
    """And counts no more: another worker asks again."""
    bench = Bench()
    await bench.take(bench.keys(GROUP))
    await until(lambda: bool(bench.model.asked))
    sums = len(bench.of(Emit))

    bench.runtime.end_generation()
    assert not bench.inference.unfinished
    bench.model.may_answer.set()
    bench.begin()
    await bench.take(bench.keys(GROUP))
    await until(lambda: bool(bench.of(Commit)))
    bench.inference.stop()

    assert not bench.inference.unfinished
    assert len(bench.of(Emit)) == 2 * sums + 1
    assert len(bench.of(Commit)) == 1


async def test_a_fault_of_a_machine_that_takes_a_result_ends_the_process() -> None:
    """Nothing of it is carried out, and nobody is acknowledged."""
    bench = Bench(Fragile, is_lasting=False)
    bench.model.may_answer.set()

    await bench.take(bench.keys(GROUP))
    await until(lambda: bench.ends == 1)
    bench.inference.stop()

    assert bench.of(Commit) == []
    assert list(bench.runtime.partitions) == []


async def test_what_is_beyond_repair_ends_the_process_once() -> None:
    bench = Bench(is_lasting=False)
    process_end = bench.runtime.context.process_end

    process_end.fail(MemoryError())
    process_end.fail_outside(OSError("no broker"))
    bench.inference.stop()

    assert bench.ends == 1


async def test_a_stream_that_fails_is_not_acknowledged_by_faust() -> None:
    """What failed is raised on, after the end of the process has begun."""
    bench = Bench(Faulty, is_lasting=False)

    with pytest.raises(RuntimeError, match="a fault"):
        await bench.runtime.run(Stream(bench.keys(1)))
    bench.inference.stop()

    assert bench.ends == 1


async def test_before_the_start_there_is_nothing_to_begin_or_flush() -> None:
    definition = define(Settings())
    runtime = RuntimeBench(definition).runtime
    runtime._connected = None

    runtime.begin_generation([])
    runtime.end_generation()
    await runtime.flush()
    await runtime.stop()

    assert list(runtime.partitions) == []


async def test_offsets_of_transactions_are_no_lost_input() -> None:
    """Commit markers have offsets, and aiokafka hands none of them on."""
    bench = Bench()
    bench.model.may_answer.set()

    offsets = enumerate((0, 1, 3, 4, 6, 7))
    await bench.take([bench.message(offset, key("c", number)) for number, offset in offsets])

    bench.inference.stop()
    assert bench.count("skipped_offsets") == 0

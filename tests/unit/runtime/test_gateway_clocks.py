"""A worker tells by its own clock how late it is, whatever the clocks of the gateways say."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from schemas.catalogue import AUDIO
from stream_app.agents.definition import AgentDefinition
from stream_app.calls.counters import CallCounters
from stream_app.calls.effects import Effect, Infer
from stream_app.calls.ended_call import EndedCall
from tests.support.runtime_bench import RuntimeBench

S = 1_000_000_000
SKEWS_S = (-60, -3, 3, 60)


@dataclass(frozen=True)
class Chunk:
    """What a gateway sends, with the time of its own clock."""

    call_id: str
    captured_at_ns: int
    is_last: bool = False


@dataclass(frozen=True)
class Request:
    """A partial or a final of a call."""

    slot: tuple[str]
    captured_at_ns: int
    cost: int = 100

    @property
    def identity(self) -> tuple[int]:
        """Tells it from every other one."""
        return (self.captured_at_ns,)


class Asker:
    """Asks for a partial with every chunk, and for a final with the last one."""

    is_closed = False
    ended: EndedCall | None = None

    def __init__(self, _: object) -> None:
        """Begin."""
        self.counters = CallCounters()

    def feed(self, chunk: Chunk, _: int) -> tuple[Effect, ...]:
        """Return a request."""
        request = Request((chunk.call_id,), chunk.captured_at_ns)
        return (Infer(request, is_urgent=chunk.is_last),)

    def resolve(self, _: object) -> tuple[Effect, ...]:
        """Return nothing."""
        return ()


class Bench:
    """A worker that reads one partition, and what it decodes."""

    def __init__(self) -> None:
        definition = AgentDefinition(
            name="toy",
            input_topic=AUDIO,
            decode=lambda data: self.sent[int(data)],
            create=Asker,
            restore=Asker,
            infer=lambda requests: requests,
            max_batch=8,
        )
        self.sent: list[Chunk] = []
        self.taken = 0
        bench = RuntimeBench(definition)
        self.runtime, self.consumer = bench.runtime, bench.consumer
        self.message, self.take = bench.message, bench.take
        assert bench.parts.inference is not None
        self.queue = bench.parts.inference._queue
        bench.begin()

    def send(self, *chunks: Chunk, ago_s: float = 0.0) -> None:
        """Put chunks on the log; it is looked at right after."""
        self.sent += chunks
        self.look(ago_s)

    def look(self, ago_s: float = 0.0) -> None:
        """Note where the log ended some time ago."""
        self.consumer.clock.note(len(self.sent), time.monotonic_ns() - int(ago_s * S))

    async def read(self) -> list[str]:
        """Read all there is, decode all that is asked for, and return whose requests came."""
        messages = [
            self.message(offset, b"%d" % offset) for offset in range(self.taken, len(self.sent))
        ]
        self.taken = len(self.sent)
        decoded: list[str] = []
        for message in messages:
            await self.take([message])
            if not self.sent[message.offset].is_last:
                decoded += self._decode()
        while some := self._decode():
            decoded += some
        return decoded

    def _decode(self) -> Sequence[str]:
        return [job.call_id for job in self.queue.pop()]


def chunk(call_id: str, skew_s: float, *, is_last: bool = False) -> Chunk:
    return Chunk(call_id, time.time_ns() + int(skew_s * S), is_last)


@pytest.mark.parametrize("skew_s", SKEWS_S)
async def test_without_load_nothing_is_shed_whatever_the_gateway_says(skew_s: int) -> None:
    bench = Bench()
    bench.look()
    decoded: list[str] = []
    for _ in range(20):
        bench.send(chunk("c", skew_s))
        decoded += await bench.read()

    assert len(decoded) == 20
    assert bench.queue.shed == 0


@pytest.mark.parametrize("skew_s", SKEWS_S)
async def test_a_worker_that_is_behind_sheds_partials_and_no_final(skew_s: int) -> None:
    """The chunks came 10 s ago, whatever their gateway says."""
    bench = Bench()
    bench.look(ago_s=11)
    bench.send(*(chunk("c", skew_s) for _ in range(20)), chunk("d", 0, is_last=True), ago_s=10)

    assert await bench.read() == ["d"]
    assert bench.queue.shed == 20


async def test_a_partition_taken_over_computes_no_partials_until_it_has_caught_up() -> None:
    """What stood in its log is old, even if nobody knows how old."""
    bench = Bench()
    bench.send(*(chunk("c", 0) for _ in range(20)), chunk("d", 0, is_last=True))
    assert await bench.read() == ["d"]

    bench.send(chunk("c", 0))

    assert await bench.read() == ["c"]


async def test_finals_are_decoded_as_they_came_whatever_the_gateways_say() -> None:
    """A clock that is ahead starves nobody, one that is behind does not jump the queue."""
    bench = Bench()
    bench.look()
    for number, skew_s in enumerate((60, 0, -60, 3, -3)):
        bench.send(chunk(str(number), skew_s, is_last=True))

    assert await bench.read() == ["0", "1", "2", "3", "4"]

"""Results of the model come to their machines in its order, also while a process has suspects."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from stream_app.calls.counters import CallCounters
from stream_app.monitoring.metrics import Metrics
from stream_app.runtime.effect_runner import EffectRunner
from stream_app.runtime.inference.queue import Job
from stream_app.runtime.memory.machine_thread import MachineThread
from stream_app.runtime.memory.sessions import PartitionSession
from stream_app.runtime.memory.under_way import Suspects, UnderWay


@dataclass(frozen=True)
class Request:
    """What the runtime looks at."""

    number: int
    slot: tuple[str] = ("a",)
    cost: int = 1

    @property
    def identity(self) -> tuple[int]:
        """Tells it from every other one."""
        return (self.number,)


@dataclass
class Machine:
    """Notes what it is given."""

    taken: list[int]
    is_closed: bool = False
    ended: None = None
    counters: CallCounters = field(default_factory=CallCounters)

    def resolve(self, result: int) -> list[Any]:
        """Note a result."""
        self.taken.append(result)
        return []


async def test_a_result_does_not_overtake_another_that_waits_behind_a_suspect() -> None:
    taken: list[int] = []
    session = PartitionSession(TP("t", 0), 1, lambda _: None)
    session.machines.update({"x": Machine(taken), "y": Machine(taken)})  # type: ignore[dict-item]
    jobs = [
        Job(session, call_id, Request(number), is_urgent=False, is_kept=True)
        for number, call_id in enumerate("xyy")
    ]
    tasks: list[asyncio.Task[None]] = []

    def spawn(work: Coroutine[Any, Any, None], **_: Any) -> None:
        tasks.append(asyncio.create_task(work))

    context: Any = SimpleNamespace(
        metrics=Metrics("toy"),
        under_way=UnderWay(suspects=Suspects(suspected=(jobs[0].mark.hex(),))),
        machines=MachineThread(is_threaded=False),
        process_end=SimpleNamespace(spawn=spawn),
        definition=SimpleNamespace(name="toy"),
    )
    pace: Any = SimpleNamespace(review=lambda: None)
    outbox: Any = None
    runner = EffectRunner(context, outbox, None, pace)

    runner.take_result(jobs[0], 0)
    runner.take_result(jobs[1], 1)
    await asyncio.sleep(0)  # the first of them is given to its machine, alone
    runner.take_result(jobs[2], 2)
    await asyncio.gather(*tasks)

    assert taken == [0, 1, 2]
    assert len(tasks) == 1

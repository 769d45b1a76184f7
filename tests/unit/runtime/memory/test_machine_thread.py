import asyncio
import threading
from typing import Any

import pytest

from schemas.catalogue import AUDIO
from schemas.errors import InferenceError
from stream_app.agents.definition import AgentDefinition
from stream_app.runtime.agent_runtime import AgentRuntime
from stream_app.runtime.memory.machine_thread import MachineThread
from stream_app.runtime.watchdog import Watchdog
from stream_app.settings import Settings


async def test_a_model_never_runs_on_the_event_loop() -> None:
    machines = MachineThread(is_threaded=True)

    assert await machines.call(threading.get_ident) != threading.get_ident()
    machines.stop()


async def test_results_come_back_in_the_order_asked_for() -> None:
    """Effects of a call are carried out in that order."""
    machines = MachineThread(is_threaded=True)
    done: list[int] = []

    def work(number: int) -> int:
        sum(range(20_000 if number % 2 else 0))  # every other one takes longer
        return number

    async def ask(number: int) -> None:
        done.append(await machines.call(work, number))

    await asyncio.gather(*(ask(number) for number in range(40)))

    assert done == list(range(40))
    machines.stop()


@pytest.mark.parametrize("is_threaded", [True, False])
async def test_what_a_machine_raises_reaches_the_caller(*, is_threaded: bool) -> None:
    machines = MachineThread(is_threaded=is_threaded)

    with pytest.raises(ZeroDivisionError):
        await machines.call(divmod, 1, 0)
    machines.stop()


async def test_small_machines_run_right_here() -> None:
    assert await MachineThread(is_threaded=False).call(threading.get_ident) == threading.get_ident()


async def test_a_machine_that_does_not_return_is_noticed() -> None:
    """As a model that hangs is; the calls behind it would wait for ever."""
    now_s, began, may_end = [100.0], threading.Event(), threading.Event()
    machines = MachineThread(is_threaded=True, clock_s=lambda: now_s[0])

    def hang() -> None:
        began.set()
        may_end.wait(60)

    hanging = asyncio.create_task(machines.call(hang))
    await asyncio.to_thread(began.wait, 60)
    now_s[0] += 60
    machines.check(60)
    now_s[0] += 1
    with pytest.raises(InferenceError, match="60 s"):
        machines.check(60)

    may_end.set()
    await hanging
    machines.check(60)
    machines.stop()


async def test_machines_that_rest_are_not_hung() -> None:
    now_s = [100.0]
    machines = MachineThread(is_threaded=True, clock_s=lambda: now_s[0])
    await machines.call(threading.get_ident)
    now_s[0] += 10_000

    machines.check(60)
    machines.stop()


async def test_a_worker_whose_machines_hang_ends() -> None:
    """Its clock looks at them every second."""
    ended, began, may_end = asyncio.Event(), threading.Event(), threading.Event()
    settings = Settings().replace(overload={"max_final_s": 0.01})
    machine: Any = None
    definition = AgentDefinition(
        name="toy",
        input_topic=AUDIO,
        decode=bytes,
        create=lambda _: machine,
        restore=lambda _: machine,
        has_model_in_feed=True,
    )
    runtime = AgentRuntime(settings, definition, end=ended.set)

    def hang() -> None:
        began.set()
        may_end.wait(60)

    hanging = asyncio.create_task(runtime.context.machines.call(hang))
    await asyncio.to_thread(began.wait, 60)
    runtime.context.process_end.spawn(Watchdog(runtime.metrics, [runtime.check_threads]).run())
    await asyncio.wait_for(ended.wait(), 60)

    may_end.set()
    await hanging

import asyncio
import threading
import time

import pytest

from stream_app.transport.machine_thread import MachineThread


async def test_a_model_never_runs_on_the_event_loop() -> None:
    machines = MachineThread(is_threaded=True)

    assert await machines.call(threading.get_ident) != threading.get_ident()
    machines.stop()


async def test_results_come_back_in_the_order_asked_for() -> None:
    """Effects of a call are carried out in that order."""
    machines = MachineThread(is_threaded=True)
    done: list[int] = []

    def work(number: int) -> int:
        time.sleep(0.002 if number % 2 else 0.0)
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

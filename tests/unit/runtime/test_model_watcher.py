"""Files of a model are looked at by the clock, off the event loop, and what comes of it counts."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from stream_app.agents.definition import ModelChange, ModelWatch
from stream_app.monitoring.metrics import Metrics
from stream_app.runtime.model_watcher import ModelWatcher

INTERVAL_S = 5.0


class Files:
    """Files that change as a test says.

    Attributes:
        threads: On which they were looked at.
    """

    def __init__(self, *looks: Sequence[ModelChange]) -> None:
        self._looks = [*looks]
        self.threads: list[threading.Thread] = []

    def look(self) -> Sequence[ModelChange]:
        """Return what changed, in its order."""
        self.threads.append(threading.current_thread())
        return self._looks.pop(0)


class Clock:
    """Lets a number of intervals pass, then ends the watch."""

    def __init__(self, intervals: int) -> None:
        self._left = intervals
        self.slept_s: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Return at once."""
        if not self._left:
            raise asyncio.CancelledError
        self._left -= 1
        self.slept_s.append(seconds)


async def watch(files: Files, clock: Clock, metrics: Metrics) -> None:
    watcher = ModelWatcher(ModelWatch(INTERVAL_S, files.look), metrics, sleep=clock.sleep)
    with pytest.raises(asyncio.CancelledError):
        await watcher.run()


def count(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(f"callstream_{name}_total", {"agent": "toy"})


async def test_swaps_and_refusals_are_counted() -> None:
    metrics, clock = Metrics("toy"), Clock(3)
    files = Files((), (ModelChange(), ModelChange(is_refused=True)), (ModelChange(),))

    await watch(files, clock, metrics)

    assert count(metrics, "model_swaps") == 2
    assert count(metrics, "model_refusals") == 1
    assert clock.slept_s == [INTERVAL_S] * 3


async def test_the_event_loop_never_waits_for_a_model_that_loads() -> None:
    files = Files(())

    await watch(files, Clock(1), Metrics("toy"))

    assert files.threads != [threading.current_thread()]


async def test_what_a_look_raises_ends_the_watch() -> None:
    """And with it the worker: what nobody foresaw must not stop the swapping in silence."""
    watcher = ModelWatcher(
        ModelWatch(INTERVAL_S, Files().look), Metrics("toy"), sleep=Clock(1).sleep
    )

    with pytest.raises(IndexError):
        await watcher.run()

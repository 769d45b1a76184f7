"""Calls of the state machines, on a thread of their own where feeding them runs a model."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from schemas.errors import InferenceError

ArgumentsT = ParamSpec("ArgumentsT")
ResultT = TypeVar("ResultT")


class MachineThread:
    """Calls machines one after another, in the order asked for; results come back in that order.

    Args:
        is_threaded: Else machines run right on the event loop, which is cheaper where they only
            shift small values.
        clock_s: The monotonic clock.
    """

    def __init__(self, *, is_threaded: bool, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._executor = ThreadPoolExecutor(1, "machines") if is_threaded else None
        self._clock_s = clock_s
        self._busy_since: float | None = None

    async def call(
        self,
        function: Callable[ArgumentsT, ResultT],
        *arguments: ArgumentsT.args,
        **options: ArgumentsT.kwargs,
    ) -> ResultT:
        """Return what ``function`` returns, or raise what it raises."""
        if self._executor is None:
            return function(*arguments, **options)

        def work() -> ResultT:
            self._busy_since = self._clock_s()
            try:
                return function(*arguments, **options)
            finally:
                self._busy_since = None

        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def check(self, max_busy_s: float) -> None:
        """Do nothing while the machines return; on the event loop they cannot be watched.

        Raises:
            InferenceError: They have been at work on one step for longer than ``max_busy_s``.
        """
        since = self._busy_since
        if since is not None and self._clock_s() - since > max_busy_s:
            message = f"the state machines have not returned within {max_busy_s:.0f} s"
            raise InferenceError(message)

    def stop(self) -> None:
        """Take no more calls; nothing waits for the present one."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)

"""Run the state machines of an agent, on a thread of their own where a model is among them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

ArgumentsT = ParamSpec("ArgumentsT")
ResultT = TypeVar("ResultT")


class MachineThread:
    """Calls machines one after another, in the order asked for; results come back in that order.

    Args:
        is_threaded: Else machines run right on the event loop, which is cheaper where they only
            shift small values.
    """

    def __init__(self, *, is_threaded: bool) -> None:
        self._executor = ThreadPoolExecutor(1, "machines") if is_threaded else None

    async def call(
        self,
        function: Callable[ArgumentsT, ResultT],
        *arguments: ArgumentsT.args,
        **options: ArgumentsT.kwargs,
    ) -> ResultT:
        """Return what ``function`` returns, or raise what it raises."""
        if self._executor is None:
            return function(*arguments, **options)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: function(*arguments, **options))

    def stop(self) -> None:
        """Take no more calls; nothing waits for the present one."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)

"""The end of an agent's process after a failure, and the work whose failure leads to it."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import structlog

from stream_app.runtime.memory.under_way import AREAS, Area, UnderWay
from stream_app.transport.access.causes import describe, is_refusal

FAILURE_EXIT_CODE = 1

log = structlog.get_logger(__name__)


def end_process() -> None:
    """End the process at once: nothing more is acknowledged, and another worker takes over."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(FAILURE_EXIT_CODE)


class ProcessEnd:
    """Ends the process after the first failure, which may be of any kind.

    Args:
        agent: Whose process it is.
        under_way: Where work is marked; what a failure cannot be blamed on is cleared.
        drop: Called first: all memory is void, so that nothing more is acknowledged.
        end: Ends the process.
    """

    def __init__(
        self,
        agent: str,
        under_way: UnderWay,
        *,
        drop: Callable[[], None],
        end: Callable[[], None] = end_process,
    ) -> None:
        self._agent = agent
        self._under_way = under_way
        self._drop = drop
        self._end = end
        self._is_failed = False
        self._tasks: set[asyncio.Task[None]] = set()

    def fail(self, error: BaseException, *, blamed: Sequence[Area] = AREAS) -> None:
        """Log the error and end the process without acknowledging anything more.

        Args:
            error: Why.
            blamed: The areas of marked work that may have led to it.
        """
        if self._is_failed:
            return
        self._is_failed = True
        self._under_way.clear(*(area for area in AREAS if area not in blamed))
        self._drop()
        if is_refusal(error):
            log.error("agent.failed", agent=self._agent, reason=describe(error))
        else:
            log.error("agent.failed", agent=self._agent, exc_info=error)
        self._end()

    def fail_outside(self, error: BaseException) -> None:
        """End the process for what no input or request has led to."""
        self.fail(error, blamed=())

    async def guard(self, work: Awaitable[None], *, blamed: Sequence[Area] = AREAS) -> None:
        """Wait for work; if it raises, the process ends before anything else happens.

        Raises:
            Exception: What the work raised; Faust would acknowledge the event otherwise.
        """
        try:
            await work
        except Exception as error:
            self.fail(error, blamed=blamed)
            raise

    def spawn(self, work: Coroutine[Any, Any, None], *, blamed: Sequence[Area] = AREAS) -> None:
        """Begin work that goes on beside the rest, guarded."""
        task = asyncio.create_task(self.guard(work, blamed=blamed))
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    async def cancel(self) -> None:
        """End all such work."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not log it again

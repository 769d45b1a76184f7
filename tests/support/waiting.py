"""Waits with a limit: the only place where a test sleeps."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

POLL_S = 0.05
LIMIT_S = 60.0

Condition = Callable[[], bool | Awaitable[bool]]
Text = str | Callable[[], str]


def wait_until(
    condition: Callable[[], bool],
    what: Text,
    *,
    limit_s: float = LIMIT_S,
    every_s: float = POLL_S,
) -> None:
    """Wait until ``condition``, looked at every so often, holds.

    Raises:
        AssertionError: It does not within ``limit_s``; says what was waited for.
    """
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, _missed(what, limit_s)
        time.sleep(every_s)


async def until(
    condition: Condition, what: Text = "condition", *, limit_s: float = LIMIT_S
) -> None:
    """Wait until ``condition``, which may be a coroutine function, holds.

    Raises:
        AssertionError: It does not within ``limit_s``; says what was waited for.
    """
    deadline = time.monotonic() + limit_s
    while not await _holds(condition):
        assert time.monotonic() < deadline, _missed(what, limit_s)
        await asyncio.sleep(POLL_S)


async def loop_turns(count: int = 20) -> None:
    """Let every task of the loop that can go on go on."""
    for _ in range(count):
        await asyncio.sleep(0)


async def moment(at_s: float) -> None:
    """Wait for a moment of the monotonic clock: gateways keep a pace."""
    await asyncio.sleep(max(0.0, at_s - time.monotonic()))


def simulate_inference(seconds: float) -> None:
    """Take the time that a model would: requests are then in flight when a process dies."""
    time.sleep(seconds)


async def _holds(condition: Condition) -> bool:
    answer = condition()
    return await answer if inspect.isawaitable(answer) else answer


def _missed(what: Text, limit_s: float) -> str:
    return f"after {limit_s:.0f} s no {what if isinstance(what, str) else what()}"

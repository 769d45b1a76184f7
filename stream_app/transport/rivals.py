"""Detection of another process under our instance id, before the group removes one of the two.

The brokers take a member that joins under an instance id for the restarted old one, and remove the
old one; that one joins again, without end. So a process asks first who holds its id.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka.errors import KafkaError, NoError, for_code
from aiokafka.protocol.admin import DescribeGroupsRequest
from aiokafka.protocol.group import JoinGroupRequest

from stream_app.transport.process_mark import is_alive, own_mark

POLL_S = 0.5
MARGIN_S = 3.0  # the brokers end sessions a moment late
_UUID_LENGTH = 36

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Holder:
    """The member of a group that has our instance id.

    Attributes:
        mark: See `process_mark`; another program's is something else.
        host: From where it is connected.
    """

    mark: str
    host: str


class RivalWatch:
    """Tells a live rival from the membership that a dead process left behind.

    A process of this machine can be looked up. Of any other only this is known: a dead one leaves
    the group when its session ends.

    Args:
        ask: Who holds the id now.
        patience_s: How long a dead process may stay in the group.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[Holder | None]],
        *,
        patience_s: float,
        wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._patience_s = patience_s
        self._wait = wait
        self._now_s = now_s
        self._own_mark = own_mark()

    async def find(self) -> Holder | None:
        """Return the live process that holds our id, None if we may take it."""
        deadline_s = self._now_s() + self._patience_s
        while True:
            holder = await self._ask()
            if holder is None or holder.mark == self._own_mark:
                return None
            alive = is_alive(holder.mark)
            if alive is False:
                log.info("instance.taken_over", of=holder.mark)
                return None
            if alive or self._now_s() >= deadline_s:
                return holder
            await self._wait(POLL_S)


def guard(
    coordinator: Any, *, session_timeout_s: float, on_rival: Callable[[Holder], None]
) -> None:
    """Let a coordinator of aiokafka join as a new static member only if no rival is alive.

    Args:
        coordinator: Of a consumer that has been started and subscribes to nothing yet.
        session_timeout_s: Of the members of the group.
        on_rival: Called instead of joining; this process is to end.
    """
    join = coordinator._do_rejoin_group  # noqa: SLF001 - aiokafka has no hook before it joins
    closing = coordinator._closing  # noqa: SLF001

    async def pause(seconds: float) -> None:
        await asyncio.wait((closing,), timeout=seconds)

    async def ask() -> Holder | None:
        return None if closing.done() else await _holder(coordinator)

    watch = RivalWatch(ask, patience_s=session_timeout_s + MARGIN_S, wait=pause)

    async def join_unless_taken(subscription: Any) -> bool:
        if coordinator.member_id == JoinGroupRequest.UNKNOWN_MEMBER_ID:
            rival = await watch.find()
            if rival is not None:
                on_rival(rival)
                await closing
            if closing.done():
                return False
        joined: bool = await join(subscription)
        return joined

    coordinator._do_rejoin_group = join_unless_taken  # noqa: SLF001


async def _holder(coordinator: Any) -> Holder | None:
    """Return who holds the coordinator's instance id; None also if the brokers do not tell."""
    instance = coordinator._group_instance_id  # noqa: SLF001
    try:
        response = await coordinator._send_req(DescribeGroupsRequest([coordinator.group_id]))  # noqa: SLF001
    except KafkaError as error:  # the join that follows meets the same trouble, and tries again
        log.debug("instance.not_looked_up", reason=repr(error))
        return None
    for group in response.to_object()["groups"]:
        if for_code(group["error_code"]) is not NoError:
            continue
        for member in group["members"]:
            if _is_of(member["member_id"], instance):
                return Holder(member["client_id"], member["client_host"].lstrip("/"))
    return None


def _is_of(member_id: str, instance: str) -> bool:
    """Return whether a member is the static one of an instance: its id is ``INSTANCE-UUID``."""
    return member_id[:-_UUID_LENGTH] == f"{instance}-"

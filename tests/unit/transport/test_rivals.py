"""A process joins under its instance id unless another one that lives holds it."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from stream_app.transport.process_mark import is_alive, own_mark
from stream_app.transport.rivals import MARGIN_S, POLL_S, Holder, RivalWatch, guard

SESSION_S = 10.0
ELSEWHERE = Holder("callstream-00000000-1-1", "10.0.0.7")
STRANGER = Holder("rdkafka", "10.0.0.8")
INSTANCE = "callstream.transcribe.w"
MEMBER = f"{INSTANCE}-12345678-1234-1234-1234-123456789012"


def mark_of(program: str) -> tuple[str, subprocess.Popen[str]]:
    """Return the mark of a process that says it, and the process."""
    telling = (
        "from stream_app.transport.process_mark import own_mark; print(own_mark(), flush=True)"
    )
    source = f"{telling}; {program}"
    process = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process.stdout.readline().strip(), process


def test_a_process_is_alive_until_it_ends() -> None:
    """Also while nobody has asked for its exit code, as with a killed agent."""
    mark, process = mark_of("import signal; signal.pause()")
    assert mark != own_mark()
    assert is_alive(mark) is True

    process.kill()
    while process.poll() is None:
        pass
    assert is_alive(mark) is False
    process.communicate()


def test_a_process_id_that_is_used_again_is_another_process() -> None:
    same_id, _, _ = own_mark().rpartition("-")

    assert is_alive(own_mark()) is True
    assert is_alive(f"{same_id}-1") is False


@pytest.mark.parametrize(
    "mark", [ELSEWHERE.mark, "rdkafka", "", "callstream-x", "callstream-a-b-c"]
)
def test_what_runs_elsewhere_cannot_be_seen(mark: str) -> None:
    assert is_alive(mark) is None


class Group:
    """A consumer group and a clock: who holds the instance id at which second."""

    def __init__(self, holder_at: Callable[[float], Holder | None]) -> None:
        self.now_s = 0.0
        self._holder_at = holder_at
        self.watch = RivalWatch(
            self._ask, patience_s=SESSION_S + MARGIN_S, wait=self._wait, now_s=lambda: self.now_s
        )

    async def _ask(self) -> Holder | None:
        return self._holder_at(self.now_s)

    async def _wait(self, seconds: float) -> None:
        assert seconds == POLL_S
        self.now_s += seconds


async def test_a_free_id_is_taken_at_once() -> None:
    group = Group(lambda _: None)

    assert await group.watch.find() is None
    assert group.now_s == 0.0


async def test_our_own_registration_is_no_rival() -> None:
    """Of a session that ended while we were cut off."""
    assert await Group(lambda _: Holder(own_mark(), "127.0.0.1")).watch.find() is None


async def test_a_dead_process_of_this_machine_is_followed_at_once() -> None:
    """A crash costs no session timeout."""
    mark, process = mark_of("pass")
    process.communicate()
    group = Group(lambda _: Holder(mark, "127.0.0.1"))

    assert await group.watch.find() is None
    assert group.now_s == 0.0


async def test_a_live_process_of_this_machine_is_a_rival_at_once() -> None:
    mark, process = mark_of("import signal; signal.pause()")
    try:
        group = Group(lambda _: Holder(mark, "127.0.0.1"))
        rival = await group.watch.find()
    finally:
        process.kill()
        process.communicate()

    assert rival == Holder(mark, "127.0.0.1")
    assert group.now_s == 0.0


@pytest.mark.parametrize("other", [ELSEWHERE, STRANGER])
async def test_a_process_elsewhere_is_a_rival_if_its_session_goes_on(other: Holder) -> None:
    group = Group(lambda _: other)

    assert await group.watch.find() == other
    assert group.now_s == SESSION_S + MARGIN_S


async def test_a_dead_process_elsewhere_is_followed_when_its_session_ends() -> None:
    group = Group(lambda now_s: ELSEWHERE if now_s < 7.0 else None)

    assert await group.watch.find() is None
    assert group.now_s == 7.0


class Coordinator:
    """What the guard uses of aiokafka's coordinator."""

    group_id = "callstream.transcribe"
    _group_instance_id = INSTANCE

    def __init__(self, members: Iterable[tuple[str, str]] = (), *, error_code: int = 0) -> None:
        self.member_id = ""
        self.joins = 0
        self.asked = 0
        self.is_reachable = True
        self._members = members
        self._error_code = error_code
        self._closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def _do_rejoin_group(self, subscription: object) -> bool:
        del subscription
        self.joins += 1
        return True

    async def _send_req(self, request: object) -> Any:
        del request
        self.asked += 1
        if not self.is_reachable:
            raise KafkaConnectionError
        members = [
            {"member_id": member, "client_id": mark, "client_host": "/10.0.0.7"}
            for member, mark in self._members
        ]
        group = {"error_code": self._error_code, "members": members}
        return SimpleNamespace(to_object=lambda: {"groups": [group]})


def guarded(coordinator: Coordinator) -> asyncio.Queue[Holder]:
    """Return what will hold the rivals that are found."""
    rivals: asyncio.Queue[Holder] = asyncio.Queue()
    guard(coordinator, session_timeout_s=-MARGIN_S, on_rival=rivals.put_nowait)
    return rivals


async def test_a_member_of_our_instance_keeps_us_out() -> None:
    """Until the process ends: it never joins."""
    coordinator = Coordinator([(MEMBER, "another program")])
    rivals = guarded(coordinator)

    joining = asyncio.create_task(coordinator._do_rejoin_group(None))
    rival = await rivals.get()
    coordinator._closing.set_result(None)

    assert await joining is False
    assert rival == Holder("another program", "10.0.0.7")
    assert coordinator.joins == 0


@pytest.mark.parametrize(
    "member",
    [f"{INSTANCE}.2{MEMBER.removeprefix(INSTANCE)}", MEMBER.removeprefix("callstream."), "short"],
    ids=["another process of the worker", "another prefix", "no static member"],
)
async def test_members_of_other_instances_do_not(member: str) -> None:
    coordinator = Coordinator([(member, "another program")])
    rivals = guarded(coordinator)

    assert await coordinator._do_rejoin_group(None)
    assert (coordinator.joins, rivals.empty()) == (1, True)


async def test_a_member_that_joins_again_asks_nobody() -> None:
    """A rebalance: the brokers still know it."""
    coordinator = Coordinator([(MEMBER, "another program")])
    guarded(coordinator)
    coordinator.member_id = MEMBER

    assert await coordinator._do_rejoin_group(None)
    assert (coordinator.joins, coordinator.asked) == (1, 0)


async def test_brokers_that_do_not_tell_are_left_to_the_join() -> None:
    for coordinator in (Coordinator(), Coordinator([(MEMBER, "x")], error_code=15)):
        coordinator.is_reachable = coordinator._error_code != 0
        guarded(coordinator)

        assert await coordinator._do_rejoin_group(None)

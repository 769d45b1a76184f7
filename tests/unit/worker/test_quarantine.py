"""Who is to blame for a death: what was at work at two in a row, and alone at the second."""

import asyncio
import mmap
import os
import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.runtime.memory.under_way import (
    AREAS,
    MAX_MARKS,
    SHARED_BYTES,
    Area,
    Suspects,
    UnderWay,
    input_mark,
    read_marks,
    request_mark,
)
from stream_app.worker.quarantine import MAX_CONVICTED, QUICK_CONVICTIONS, Quarantine

A, B, C = (input_mark(0, offset) for offset in range(3))
R = request_mark(0, "c", ("segment", 100, True))
Work = dict[Area, Sequence[bytes]]


def shared() -> mmap.mmap:
    return mmap.mmap(-1, SHARED_BYTES)


def live(quarantine: Quarantine, work: Work) -> Suspects:
    """Return what a process is told; it then has the work under way."""
    suspects = quarantine.open()
    process = UnderWay(mmap.mmap(os.dup(quarantine.descriptor), SHARED_BYTES), suspects)
    quarantine.close_descriptor()
    for area, marks in work.items():
        process.marked(area, marks).__enter__()
    return suspects


def die(quarantine: Quarantine, work: Work, *, was_ready: bool = True) -> Suspects:
    """Return what a process was told that died with this work under way."""
    suspects = live(quarantine, work)
    quarantine.note_end(is_clean=False, was_ready=was_ready, was_steady=False)
    return suspects


def told(quarantine: Quarantine) -> Suspects:
    """Return what the next process is told."""
    suspects = quarantine.open()
    quarantine.close_descriptor()
    return suspects


def hexes(*marks: bytes) -> tuple[str, ...]:
    return tuple(sorted(mark.hex() for mark in marks))


def test_what_was_under_way_at_a_death_is_suspected() -> None:
    quarantine = Quarantine()

    assert die(quarantine, {"inputs": [A, B], "requests": [R]}) == Suspects()
    assert told(quarantine) == Suspects(suspected=hexes(A, B, R))


def test_what_is_alone_under_way_at_the_next_death_is_convicted() -> None:
    quarantine = Quarantine()
    die(quarantine, {"inputs": [A, B], "requests": [R]})
    die(quarantine, {"inputs": [B]})

    assert told(quarantine) == Suspects(convicted=hexes(B))


def test_one_that_was_alone_at_both_deaths_is_convicted() -> None:
    quarantine = Quarantine()
    die(quarantine, {"requests": [R]})
    die(quarantine, {"requests": [R]})

    assert told(quarantine) == Suspects(convicted=hexes(R))


def test_a_conviction_stays_for_all_later_processes() -> None:
    quarantine = Quarantine()
    for work in ({"inputs": [A]}, {"inputs": [A]}, {}, {"inputs": [B]}, {"inputs": [B]}):
        die(quarantine, work)  # type: ignore[arg-type]

    assert told(quarantine).convicted == hexes(A, B)


@pytest.mark.parametrize(
    "deaths",
    [
        [{"inputs": [A]}, {"inputs": [B]}, {"inputs": [C]}],
        [{"inputs": [A]}, {}, {"inputs": [A]}],
        [{"inputs": [A, B]}, {"inputs": [A, B]}, {"inputs": [A, B]}],
        [{"inputs": [A], "requests": [R]}, {"inputs": [A], "requests": [R]}],
        [{}, {}, {}],
    ],
    ids=["other work", "not in a row", "not alone", "two areas", "idle"],
)
def test_kills_that_hit_at_random_convict_nothing(deaths: list[Work]) -> None:
    """As an operator's, or the kernel's when memory runs out."""
    quarantine = Quarantine()
    for work in deaths:
        die(quarantine, work)

    assert told(quarantine).convicted == ()


def test_a_suspect_beside_other_work_is_not_convicted() -> None:
    """The other work may have ended the process: the next one takes both alone."""
    quarantine = Quarantine()
    die(quarantine, {"inputs": [A, B]})
    die(quarantine, {"inputs": [A], "requests": [R]})
    assert told(quarantine) == Suspects(suspected=hexes(A, R))
    die(quarantine, {"inputs": [A]})

    assert told(quarantine).convicted == hexes(A)


def test_a_process_that_never_got_to_work_clears_nobody() -> None:
    """The brokers were gone when it started."""
    quarantine = Quarantine()
    die(quarantine, {"inputs": [A, B]})
    die(quarantine, {}, was_ready=False)
    assert told(quarantine).suspected == hexes(A, B)
    die(quarantine, {"inputs": [A]})

    assert told(quarantine).convicted == hexes(A)


def test_a_process_that_stopped_in_order_clears_everybody() -> None:
    quarantine = Quarantine()
    die(quarantine, {"inputs": [A]})
    live(quarantine, {"inputs": [A]})
    quarantine.note_end(is_clean=True, was_ready=True, was_steady=False)

    assert told(quarantine) == Suspects()


def test_explained_deaths_cost_no_delay_until_they_are_too_many() -> None:
    """When nothing works at all, trying again at once only does harm."""
    quarantine = Quarantine()
    explained = []
    for offset in range(QUICK_CONVICTIONS + 2):
        for _ in range(2):
            live(quarantine, {"inputs": [input_mark(1, offset)]})
            explained.append(quarantine.note_end(is_clean=False, was_ready=True, was_steady=False))
    live(quarantine, {})
    quarantine.note_end(is_clean=False, was_ready=True, was_steady=True)
    die(quarantine, {"inputs": [A]})
    live(quarantine, {"inputs": [A]})

    assert explained[1::2] == [True] * QUICK_CONVICTIONS + [False] * 2
    assert not any(explained[::2])
    assert quarantine.note_end(is_clean=False, was_ready=True, was_steady=False)


def test_the_newest_convictions_are_kept() -> None:
    quarantine = Quarantine()
    for offset in range(MAX_CONVICTED + 1):
        die(quarantine, {"inputs": [input_mark(1, offset)]})
        die(quarantine, {"inputs": [input_mark(1, offset)]})

    convicted = told(quarantine).convicted
    assert len(convicted) == MAX_CONVICTED
    assert convicted[-1] == input_mark(1, MAX_CONVICTED).hex()


MARKS = st.sampled_from([A, B, C, R])
WORKS = st.fixed_dictionaries(
    {}, optional={area: st.lists(MARKS, max_size=3, unique=True) for area in AREAS}
)


@given(deaths=st.lists(WORKS, max_size=8))
def test_only_what_was_at_work_twice_in_a_row_and_alone_is_ever_convicted(
    deaths: list[Work],
) -> None:
    quarantine = Quarantine()
    allowed: set[bytes] = set()
    before: set[bytes] = set()
    for work in deaths:
        die(quarantine, work)
        now = {mark for marks in work.values() for mark in marks}
        alone = now if len([mark for marks in work.values() for mark in marks]) == 1 else set()
        allowed |= before & alone
        before = now

    assert set(told(quarantine).convicted) <= {mark.hex() for mark in allowed}


def test_marks_are_there_while_work_is_done_and_gone_afterwards() -> None:
    area = shared()
    process = UnderWay(area)

    with process.marked("inputs", [A, B]), process.marked("requests", [R]):
        during = read_marks(area)

    assert during == {"inputs": (A, B), "requests": (R,), "results": ()}
    assert read_marks(area) == dict.fromkeys(AREAS, ())


def test_what_raises_leaves_its_marks_behind() -> None:
    """A failure that is caught ends the process as a kill does."""
    area = shared()
    with pytest.raises(MemoryError), UnderWay(area).marked("inputs", [A]):
        raise MemoryError

    assert read_marks(area)["inputs"] == (A,)


def test_more_marks_than_an_area_holds_are_cut() -> None:
    area = shared()
    process = UnderWay(area)
    marks = [input_mark(1, offset) for offset in range(MAX_MARKS + 5)]

    with process.marked("inputs", marks), process.marked("requests", [R]):
        during = read_marks(area)

    assert during["inputs"] == tuple(marks[:MAX_MARKS])
    assert during["requests"] == (R,)


def test_suspects_come_alone_until_they_have_survived() -> None:
    process = UnderWay(shared(), Suspects(suspected=hexes(B)))
    items = [A, B, C]
    assert [list(group) for group in process.apart(items, lambda item: item)] == [[A], [B], [C]]

    with process.marked("inputs", [B]):
        pass

    assert [list(group) for group in process.apart(items, lambda item: item)] == [items]


def test_a_suspect_is_at_work_alone() -> None:
    """Whatever else there is to do waits, on the event loop without blocking it."""
    process = UnderWay(shared(), Suspects(suspected=hexes(A, R)))
    has_begun, may_end = threading.Event(), threading.Event()
    order: list[str] = []

    def infer() -> None:
        with process.alone([R]):
            has_begun.set()
            may_end.wait(5)
            order.append("request")

    async def feed() -> None:
        order.append("asked")
        async with process.alone_on_loop([B]):
            order.append("innocent")
        async with process.alone_on_loop([A]):
            order.append("input")

    async def play() -> None:
        thread = threading.Thread(target=infer)
        thread.start()
        has_begun.wait(5)
        feeding = asyncio.create_task(feed())
        while not order:  # noqa: ASYNC110 - set by the task under test
            await asyncio.sleep(0)
        may_end.set()
        await asyncio.wait_for(feeding, 5)
        thread.join(5)

    asyncio.run(play())

    assert order == ["asked", "request", "innocent", "input"]


def test_work_that_is_not_suspected_goes_on_side_by_side() -> None:
    process = UnderWay(shared(), Suspects(suspected=hexes(A)))

    async def play() -> None:
        async with process.alone_on_loop([B]):
            with process.alone([R]):
                assert True

    asyncio.run(asyncio.wait_for(play(), 5))

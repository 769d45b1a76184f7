"""Which checkpoint wins, what is kept of it, and what its record looks like."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest
from aiokafka import ConsumerRecord

from schemas.catalogue import CHECKPOINTS, DAY_MS, LATE_WRITER_MS
from schemas.codec import decode_json, encode_json
from schemas.operations import Checkpoint
from stream_app.calls.ended_call import EndedCall
from stream_app.runtime.memory import checkpoints
from stream_app.runtime.memory.checkpoints import CheckpointStore, SavedCalls
from stream_app.settings import KafkaSettings

OPEN = Checkpoint(agent="toy", call_id="c", position=(3, 1), is_closed=False, state={"a": 1})
CLOSED = msgspec.structs.replace(OPEN, is_closed=True, state={"end_offset": 9})
KEY = b"toy:c:w"
NOW_MS = 1_764_000_000_000
KEPT_MS = 2 * DAY_MS


def merged(*log: Checkpoint) -> SavedCalls:
    saved = SavedCalls()
    for at_ms, checkpoint in enumerate(log):
        saved.merge(checkpoint, KEY, at_ms)
    return saved


def record(
    value: Checkpoint | bytes | None, key: bytes | None = KEY, at_ms: int = NOW_MS
) -> ConsumerRecord:
    data = encode_json(value) if isinstance(value, Checkpoint) else value
    return ConsumerRecord(CHECKPOINTS, 0, 0, at_ms, 0, key, data, None, 0, 0, ())


def load(monkeypatch: pytest.MonkeyPatch, *batches: Sequence[ConsumerRecord]) -> SavedCalls:
    """Return what a store makes of batches of records of partition 0."""

    async def read(*_: Any) -> AsyncIterator[Sequence[ConsumerRecord]]:
        for batch in batches:
            yield batch

    monkeypatch.setattr(checkpoints, "read_batches", read)
    store = CheckpointStore(
        KafkaSettings(), "toy", "w", kept_ms=KEPT_MS, now_ns=lambda: NOW_MS * 1_000_000
    )
    return asyncio.run(store.load([0, 0]))[0]


def test_a_closed_call_stays_closed_wherever_it_stands_in_the_log() -> None:
    """Every worker closes a call at the same input; a zombie may write its open state later."""
    later = msgspec.structs.replace(OPEN, position=(4,))
    for log in ([OPEN, CLOSED], [CLOSED, OPEN], [CLOSED, later], [later, CLOSED]):
        saved = merged(*log)

        assert saved.open == {}
        assert [ended for ended, _ in saved.closed.values()] == [EndedCall(9)]


def test_the_answer_to_a_call_that_had_failed_counts() -> None:
    failed = msgspec.structs.replace(CLOSED, state={"end_offset": 9, "is_unanswered": True})
    failed_again = msgspec.structs.replace(failed, state={"end_offset": 12, "is_unanswered": True})
    answered = msgspec.structs.replace(CLOSED, state={"end_offset": 12})

    ends = [merged(*log).closed["c"][0] for log in ([failed, answered], [answered, failed])]

    assert ends == [EndedCall(12), EndedCall(12)]
    assert merged(failed, OPEN, failed_again).closed["c"][0] == EndedCall(12, is_unanswered=True)


def test_at_the_same_position_the_later_one_wins() -> None:
    """The state may say more than the position."""
    later = msgspec.structs.replace(OPEN, state={"a": 2})

    call = merged(OPEN, later).open["c"]

    assert (call.checkpoint, call.written_at_ms) == (later, 1)


def test_a_late_older_one_changes_neither_state_nor_time() -> None:
    older = msgspec.structs.replace(OPEN, position=(3, 0))

    call = merged(OPEN, older).open["c"]

    assert (call.checkpoint, call.written_at_ms) == (OPEN, 0)


def test_all_keys_of_an_open_call_are_known() -> None:
    """When it closes, what other processes wrote of it is deleted."""
    saved = SavedCalls()
    for writer in ("w1", "w2", "w1"):
        saved.merge(OPEN, f"toy:c:{writer}".encode(), 0)

    assert saved.open["c"].keys == {b"toy:c:w1", b"toy:c:w2"}


def test_records_of_other_agents_are_left_out_without_being_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All agents share the topic; a name may begin with another one."""
    saved = load(
        monkeypatch,
        [record(b"no JSON at all", b"toys:c:w"), record(b"neither", None)],
        [record(b"nor this", b"other:toy:c:w"), record(OPEN)],
    )

    assert list(saved.open) == ["c"]
    assert saved.unreadable == 0


def test_what_is_no_checkpoint_is_skipped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The good one before it counts; a tombstone does not."""
    misplaced = msgspec.structs.replace(OPEN, call_id="d")
    foreign = msgspec.structs.replace(OPEN, agent="other")
    saved = load(
        monkeypatch,
        [record(OPEN), record(b"{"), record(b""), record(None), record(b"\xff")],
        [record(misplaced), record(foreign), record(b'{"schema":"checkpoint.v1"}')],
    )

    assert saved.open["c"].checkpoint == OPEN
    assert list(saved.open) == ["c"]
    assert saved.unreadable == 6


def test_calls_are_forgotten_once_their_input_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before that none is, whatever has been written since."""
    at = {"young": NOW_MS - KEPT_MS, "old": NOW_MS - KEPT_MS - 1}
    log = [
        record(msgspec.structs.replace(kind, call_id=f"{name}-{kind.is_closed}"), key, at_ms)
        for name, at_ms in at.items()
        for kind in (OPEN, CLOSED)
        for key in (f"toy:{name}-{kind.is_closed}:w".encode(),)
    ]

    saved = load(monkeypatch, log)

    assert list(saved.open) == ["young-False"]
    assert list(saved.closed) == ["young-True"]


def test_what_a_frozen_worker_writes_late_does_not_open_an_expired_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The record that closed it is older than the retention, the zombie's is not."""
    closed_at_ms = NOW_MS - KEPT_MS - LATE_WRITER_MS + 1

    saved = load(monkeypatch, [record(CLOSED, at_ms=closed_at_ms)], [record(OPEN)])

    assert saved.open == {}
    assert saved.closed == {}


def test_a_closed_call_that_does_not_say_where_it_ended_refuses_all_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    saved = load(monkeypatch, [record(msgspec.structs.replace(CLOSED, state={}))])

    assert saved.closed["c"][0] == EndedCall.unknown()


def test_the_record_names_its_writer_and_carries_the_time() -> None:
    """Compaction keeps one record for each writer."""
    store = CheckpointStore(KafkaSettings(), "toy", "w1", now_ns=lambda: 77)

    key, value = store.encode(OPEN)

    assert key == b"toy:c:w1"
    assert decode_json(value, Checkpoint) == msgspec.structs.replace(OPEN, written_at_ns=77)

"""Outputs durable, then the checkpoint, then the acknowledgement; never in another order."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from aiokafka.errors import MessageSizeTooLargeError
from faust.types import TP, Message

from schemas.catalogue import ALERTS, AUDIO, CHECKPOINTS, DEAD_LETTERS
from schemas.codec import decode_json
from schemas.operations import Alert, Checkpoint
from stream_app.calls.effects import Commit, Emit, Refuse
from stream_app.monitoring.metrics import Metrics
from stream_app.runtime.memory.checkpoints import CheckpointStore
from stream_app.runtime.memory.sessions import PartitionSession
from stream_app.runtime.output.outbox import Outbox
from stream_app.settings import KafkaSettings
from tests.support.waiting import loop_turns, until

PARTITION = 3


class FakeProducer:
    """Takes messages at once; the test says when they are durable."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None, bytes | None, int | None]] = []
        self.headers: list[Any] = []
        self.futures: list[asyncio.Future[None]] = []
        self.is_slow = False
        self.is_free = asyncio.Event()
        self.is_free.set()
        self._largest: int | None = None
        self._is_late = False

    def refuse_above(self, size: int, *, is_late: bool) -> None:
        """Refuse larger values, at once or in the answer of the brokers."""
        self._largest, self._is_late = size, is_late

    async def send(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
        headers: Any = None,
    ) -> "asyncio.Future[None]":
        """Take a message."""
        assert timestamp_ms is None
        assert key is not None or value is not None, "aiokafka sends no such record"
        await self.is_free.wait()
        is_refused = self._largest is not None and len(value or b"") > self._largest
        if is_refused and not self._is_late:
            raise MessageSizeTooLargeError
        self.sent.append((topic, key, value, partition))
        self.headers.append(headers)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.futures.append(future)
        if is_refused:
            future.set_exception(MessageSizeTooLargeError())
        elif not self.is_slow:
            future.set_result(None)
        return future

    @property
    def topics(self) -> list[str]:
        """Topics of what was sent, in order."""
        return [entry[0] for entry in self.sent]


class Setting:
    """An outbox, what it sent, what it acknowledged and how it failed."""

    def __init__(self, checkpoint_interval_s: float = 0.0) -> None:
        self.producer = FakeProducer()
        self.acknowledged: list[int] = []
        self.failures: list[BaseException] = []
        self.metrics = Metrics("toy")
        kafka = KafkaSettings(checkpoint_interval_s=checkpoint_interval_s)
        store = CheckpointStore(kafka, "toy", "w")
        self.outbox = Outbox(
            self.producer,
            store,
            agent="toy",
            metrics=self.metrics,
            on_failure=self.failures.append,
        )
        self.session = PartitionSession(
            TP(AUDIO, PARTITION), 1, lambda message: self.acknowledged.append(message.offset)
        )

    def take(self, *offsets: int) -> None:
        """Let the session hold messages."""
        for offset in offsets:
            self.session.keep(message(offset))

    def put(self, *effects: Emit | Refuse | Commit, call_id: str = "c") -> None:
        """Queue effects."""
        for effect in effects:
            self.outbox.put(self.session, call_id, effect)


def message(offset: int) -> Message:
    return Message(
        AUDIO, PARTITION, offset, 1.0, 0, [], b"c", b"raw", None, tp=TP(AUDIO, PARTITION)
    )


def alert(number: int) -> Alert:
    return Alert(
        event_id=f"c/{number}",
        call_id="c",
        captured_at_ns=0,
        kind="k",
        severity="info",
        source="toy",
    )


def checkpoint(position: int) -> Checkpoint:
    return Checkpoint(agent="toy", call_id="c", position=(position,), is_closed=False, state={})


def run(
    scenario: Callable[[Setting], Awaitable[None]], *, checkpoint_interval_s: float = 0.0
) -> Setting:
    """Return the setting after a scenario on a loop of its own."""

    async def play() -> Setting:
        setting = Setting(checkpoint_interval_s)
        setting.outbox.start()
        await scenario(setting)
        await setting.outbox.stop()
        return setting

    return asyncio.run(play())


def test_a_commit_waits_for_the_outputs_and_then_for_the_checkpoint() -> None:
    """A crash between any two of them loses nothing."""

    async def scenario(setting: Setting) -> None:
        setting.producer.is_slow = True
        setting.take(1, 2)
        setting.put(Emit(alert(1)), Commit((1, 2), checkpoint(1)))
        await until(setting.outbox._settling.locked, "settlement that waits for the output")
        await loop_turns()
        assert setting.producer.topics == [ALERTS]
        setting.producer.futures[0].set_result(None)
        await until(lambda: len(setting.producer.sent) == 2)
        await loop_turns()
        assert setting.acknowledged == []
        setting.producer.futures[1].set_result(None)
        await until(lambda: setting.acknowledged == [1, 2])

    setting = run(scenario)

    topic, key, value, partition = setting.producer.sent[1]
    assert (topic, key, partition) == (CHECKPOINTS, b"toy:c:w", PARTITION)
    assert value is not None
    assert decode_json(value, Checkpoint).position == (1,)


def test_a_volatile_output_holds_up_nothing() -> None:
    """Partials need not be durable before a commit."""

    async def scenario(setting: Setting) -> None:
        setting.producer.is_slow = True
        setting.take(1)
        setting.put(Emit(alert(1), is_volatile=True), Commit((1,)))
        await until(lambda: setting.acknowledged == [1])
        setting.producer.futures[0].set_result(None)

    run(scenario)


def test_commits_that_come_together_share_the_last_checkpoint() -> None:
    """It holds the earlier ones."""

    async def scenario(setting: Setting) -> None:
        setting.take(1, 2, 3)
        setting.put(Commit((1,), checkpoint(1)), Commit((2,), checkpoint(2)), Commit((3,)))
        await setting.outbox.flush()

    setting = run(scenario)

    written = [value for _, _, value, _ in setting.producer.sent if value]
    assert [decode_json(value, Checkpoint).position for value in written] == [(2,)]
    assert setting.acknowledged == [1, 2, 3]


def checkpoints_of(setting: Setting) -> list[Checkpoint]:
    sent = [value for topic, _, value, _ in setting.producer.sent if topic == CHECKPOINTS and value]
    return [decode_json(value, Checkpoint) for value in sent]


def test_checkpoints_of_an_open_call_keep_their_pace() -> None:
    """Another call does not wait for it; the end of the process settles all."""

    async def scenario(setting: Setting) -> None:
        setting.take(1, 2, 3, 4)
        setting.put(Commit((1,), checkpoint(1)))
        setting.put(Commit((2,)), Commit((3,), checkpoint(2)))
        setting.put(Commit((4,)), call_id="d")
        await until(lambda: setting.acknowledged == [4])
        assert setting.producer.topics == []
        await setting.outbox.flush()

    setting = run(scenario, checkpoint_interval_s=10.0)

    assert [each.position for each in checkpoints_of(setting)] == [(2,)]
    assert setting.acknowledged == [4, 1, 2, 3]


def test_the_checkpoint_behind_an_output_is_written_at_once() -> None:
    """With all before it: after a crash another model could make other outputs of the same id."""

    async def scenario(setting: Setting) -> None:
        setting.take(1, 2)
        setting.put(Commit((1,), checkpoint(1)))
        setting.put(Emit(alert(1)), Commit((2,), checkpoint(2)))
        await until(lambda: setting.acknowledged == [1, 2])

    setting = run(scenario, checkpoint_interval_s=10.0)

    assert setting.producer.topics == [ALERTS, CHECKPOINTS]
    assert [each.position for each in checkpoints_of(setting)] == [(2,)]


def test_only_what_is_settled_is_measured() -> None:
    """A commit that waits for its pace is looked at ten times a second."""

    async def scenario(setting: Setting) -> None:
        setting.take(1, 2)
        setting.put(Commit((1,), checkpoint(1)))
        for _ in range(3):
            setting.put(Commit((2,)), call_id="d")
            await until(lambda: setting.acknowledged == [2])
            await setting.outbox._settle()
        await setting.outbox.flush()

    setting = run(scenario, checkpoint_interval_s=10.0)

    name, labels = "callstream_durable_seconds_count", {"agent": "toy"}
    measured = setting.metrics.registry.get_sample_value(name, labels)
    assert measured is not None
    assert measured <= 4  # of the three commits of the other call and the flush


def test_each_interval_writes_the_checkpoint_of_its_end() -> None:
    async def scenario(setting: Setting) -> None:
        setting.take(1, 2)
        setting.put(Commit((1,), checkpoint(1)))
        await until(lambda: setting.acknowledged == [1])
        setting.put(Commit((2,), checkpoint(2)))
        await until(lambda: setting.acknowledged == [1, 2])

    setting = run(scenario, checkpoint_interval_s=0.3)

    assert [each.position for each in checkpoints_of(setting)] == [(1,), (2,)]


def test_the_end_of_a_call_is_settled_at_once() -> None:
    """With everything before it; what other processes wrote of the call is deleted then."""
    closed = msgspec.structs.replace(checkpoint(2), is_closed=True, state={"end_offset": 2})

    async def scenario(setting: Setting) -> None:
        setting.take(1, 2)
        setting.session.stale_keys["c"] = frozenset({b"toy:c:w", b"toy:c:w0"})
        setting.put(Commit((1,), checkpoint(1)), Commit((2,), closed))
        await until(lambda: len(setting.producer.sent) == 2)

    setting = run(scenario, checkpoint_interval_s=10.0)

    assert [each.position for each in checkpoints_of(setting)] == [(2,)]
    assert setting.acknowledged == [1, 2]
    assert setting.producer.sent[1] == (CHECKPOINTS, b"toy:c:w0", None, PARTITION)
    assert setting.session.stale_keys == {}


def test_a_refused_input_goes_to_the_dead_letters_bytes_and_all() -> None:
    """The headers say where it came from and why."""

    async def scenario(setting: Setting) -> None:
        setting.take(7)
        setting.put(Refuse(7, "no good"), Commit((7,)))
        await setting.outbox.flush()

    setting = run(scenario)

    assert setting.producer.sent == [(DEAD_LETTERS, b"c", b"raw", None)]
    assert dict(setting.producer.headers[0]) == {
        "topic": AUDIO.encode(),
        "partition": b"3",
        "offset": b"7",
        "reason": b"no good",
        "agent": b"toy",
        "call_id": b"c",
    }
    assert setting.acknowledged == [7]


def test_effects_of_a_dropped_session_are_void() -> None:
    """Neither produced nor acknowledged."""

    async def scenario(setting: Setting) -> None:
        setting.take(1)
        setting.put(Emit(alert(1)), Commit((1,), checkpoint(1)))
        setting.session.drop()
        await setting.outbox.flush()

    setting = run(scenario)

    assert setting.producer.sent == []
    assert setting.acknowledged == []


def test_a_session_dropped_while_outputs_are_on_their_way_acknowledges_nothing() -> None:
    """Nor does it write a checkpoint."""

    async def scenario(setting: Setting) -> None:
        setting.producer.is_slow = True
        setting.take(1)
        setting.put(Emit(alert(1)), Commit((1,), checkpoint(1)))
        await until(lambda: len(setting.producer.sent) == 1)
        setting.session.drop()
        setting.producer.futures[0].set_result(None)
        await setting.outbox.flush()

    setting = run(scenario)

    assert setting.producer.topics == [ALERTS]
    assert setting.acknowledged == []


def test_an_output_that_cannot_be_produced_ends_the_process() -> None:
    """Nothing is acknowledged after it."""

    async def scenario(setting: Setting) -> None:
        setting.producer.is_slow = True
        setting.take(1)
        setting.put(Emit(alert(1)), Commit((1,)))
        await until(lambda: len(setting.producer.futures) == 1)
        setting.producer.futures[0].set_exception(OSError("gone"))
        await until(lambda: bool(setting.failures))

    setting = run(scenario)

    assert [str(failure) for failure in setting.failures] == ["gone"]
    assert setting.acknowledged == []


@pytest.mark.parametrize("call_id", ["c", "\x00junk", "a\u00a0b", "a\u2028b"])
def test_a_commit_waits_for_the_alert_of_a_refusal_whatever_the_call_is_called(
    call_id: str,
) -> None:
    """Nothing of it is kept afterwards; what a call id may hold stays as it is."""

    async def scenario(setting: Setting) -> None:
        setting.producer.is_slow = True
        setting.take(1)
        setting.outbox.alert(setting.session, call_id, "input_refused", offset="1")
        setting.put(Refuse(1, "x"), Commit((1,)), call_id=call_id)
        await until(lambda: len(setting.producer.futures) == 2)
        setting.producer.futures[1].set_result(None)
        await loop_turns()
        assert setting.acknowledged == []
        setting.producer.futures[0].set_result(None)
        await until(lambda: setting.acknowledged == [1])

    setting = run(scenario)

    assert not setting.session._unsettled
    (told,) = [value for topic, _, value, _ in setting.producer.sent if topic == ALERTS]
    assert told is not None
    assert decode_json(told, Alert).call_id == call_id.replace("\x00", "\ufffd")

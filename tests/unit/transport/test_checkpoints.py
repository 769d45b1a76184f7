"""Which checkpoint wins, and what its record looks like."""

import msgspec

from schemas.codec import decode_json
from schemas.operations import Checkpoint
from stream_app.settings import KafkaSettings
from stream_app.transport.checkpoints import CheckpointStore, drop_expired, later_checkpoint, merge

OPEN = Checkpoint(agent="toy", call_id="c", position=(3, 1), is_closed=False, state={"a": 1})
CLOSED = msgspec.structs.replace(OPEN, is_closed=True)
DAY_NS = 24 * 3600 * 10**9


def test_a_closed_call_stays_closed_at_the_same_position() -> None:
    """Whichever stands later in the log."""
    assert later_checkpoint(CLOSED, OPEN) is CLOSED
    assert later_checkpoint(OPEN, CLOSED) is CLOSED


def test_at_the_same_position_the_later_one_wins() -> None:
    """The state may say more than the position."""
    later = msgspec.structs.replace(OPEN, state={"a": 2})

    assert later_checkpoint(OPEN, later) is later


def test_checkpoints_of_other_agents_are_left_out() -> None:
    """All agents share the topic."""
    other = msgspec.structs.replace(OPEN, agent="other", position=(9,))

    assert merge([OPEN, other], "toy") == {"c": OPEN}


def test_closed_calls_are_forgotten_after_a_day() -> None:
    """Open ones never are."""
    written = msgspec.structs.replace(CLOSED, written_at_ns=5)

    assert drop_expired({"c": written}, 5 + DAY_NS) == {"c": written}
    assert drop_expired({"c": written}, 6 + DAY_NS) == {}
    assert drop_expired({"c": OPEN}, 6 + DAY_NS) == {"c": OPEN}


def test_the_record_names_its_writer_and_carries_the_time() -> None:
    """Compaction keeps one record for each writer."""
    store = CheckpointStore(KafkaSettings(), "toy", "w1", now_ns=lambda: 77)

    key, value = store.encode(OPEN)

    assert key == b"toy:c:w1"
    assert decode_json(value, Checkpoint) == msgspec.structs.replace(OPEN, written_at_ns=77)

"""A refused message is found by its log line: whose, where it stands, and why."""

from typing import Any

import pytest
import structlog

from schemas.catalogue import AUDIO
from stream_app.runtime import intake
from tests.unit.runtime.test_open_calls import Bench


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the intake logs of refusals."""
    capture = structlog.testing.LogCapture()
    monkeypatch.setattr(intake, "log", structlog.wrap_logger(None, processors=[capture]))
    found: list[dict[str, Any]] = capture.entries  # type: ignore[assignment]
    return found


def refusals(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == "message.refused"]


async def test_a_message_that_cannot_be_taken_in_is_told_with_its_place(
    lines: list[dict[str, Any]],
) -> None:
    await Bench().take("a:one", "b:bad", "a:bad")

    assert refusals(lines) == [
        {
            "event": "message.refused",
            "log_level": "warning",
            "agent": "toy",
            "call_id": call_id,
            "topic": AUDIO,
            "partition": 0,
            "offset": offset,
            "reason": "bad",
        }
        for call_id, offset in (("b", 1), ("a", 2))
    ]


async def test_of_what_a_call_refuses_chunk_by_chunk_the_first_is_told(
    lines: list[dict[str, Any]],
) -> None:
    """Each of them is a dead letter all the same."""
    bench = Bench()

    await bench.take("a:one", "a:late", "a:late", "b:one", "b:late")
    await bench.take("a:late")

    found = [(line["call_id"], line["offset"], line["reason"]) for line in refusals(lines)]
    assert found == [("a", 1, "late"), ("b", 4, "late")]
    assert [refuse.offset for refuse in bench.outbox.refused] == [1, 2, 4, 5]

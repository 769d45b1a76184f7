"""Corrections and answers on a broker, as `feedback export` and `models drift` read them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson
import pytest

from schemas.catalogue import encode, topic_of
from stream_app.transport.clients import start_producer
from tests.support.models.classified_calls import SHOP_TOML, answered, corrected, finalized
from tests.support.system.command_line import callstream

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from schemas.base import Message
    from stream_app.settings import Settings

pytestmark = pytest.mark.e2e
CALLS = [f"call-{number}" for number in range(24)]


def send(settings: Settings, messages: Iterable[Message]) -> None:
    """Write messages to their topics, each on the partition of its call."""

    async def produce() -> None:
        producer = await start_producer(settings.kafka)
        for each in messages:
            await producer.send(topic_of(each), encode(each), key=each.call_id.encode())
        await producer.stop()

    asyncio.run(produce())


def test_corrections_become_rows_and_answers_a_report(settings: Settings, tmp_path: Path) -> None:
    """Of 24 calls over four partitions: each corrected twice, the last one of unknown words."""
    label_set = tmp_path / "shop.toml"
    label_set.write_text(SHOP_TOML)
    rows, folder = tmp_path / "rows.jsonl", tmp_path / "drift"
    options = ("--label-set", str(label_set))

    send(settings, (finalized(call_id, f"{call_id} is broken.") for call_id in CALLS[:-1]))
    send(settings, (corrected(call_id, "subject", "Late") for call_id in CALLS))
    send(settings, (answered(call_id, "Late") for call_id in CALLS))
    send(settings, (corrected(call_id, "subject", "Broken") for call_id in CALLS))
    shadows = (answered(call_id, "Broken", model="new", is_shadow=True) for call_id in CALLS)
    send(settings, shadows)
    exported = callstream(settings.kafka, "feedback", "export", *options, "--out", str(rows))
    reported = callstream(
        settings.kafka,
        "models",
        "drift",
        "classification",
        *options,
        "--json",
        "--out",
        str(folder),
    )

    assert exported.returncode == 0, exported.stderr
    assert "23 corrected calls" in exported.stdout
    assert "1 not on the topic of finalized calls" in exported.stdout
    found = [orjson.loads(line) for line in rows.read_bytes().splitlines()]
    assert [row["id"] for row in found] == sorted(CALLS[:-1])
    assert {tuple(row["labels"]["subject"]) for row in found} == {("Broken",)}
    assert all(row["turns"][0]["text"] == f"{row['id']} is broken." for row in found)
    assert reported.returncode == 0, reported.stderr
    report = orjson.loads(reported.stdout)
    assert report["calls"] == [0, 24]
    assert report["agreement"]["tasks"]["subject"]["count"] == 0
    assert report["corrected"]["new"]["subject"]["share"] == 1.0
    assert (folder / "drift.png").is_file()


def test_a_label_set_that_is_not_there_is_one_line(settings: Settings, tmp_path: Path) -> None:
    result = callstream(
        settings.kafka,
        *("feedback", "export", "--label-set", "none", "--out", str(tmp_path / "rows.jsonl")),
    )

    assert result.returncode == 2
    assert "no label set 'none'" in result.stderr
    assert result.stderr.count("\n") == 1

"""The export of corrected calls from the topics to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from models.classification.corrections import Corrections, latest_corrections
from schemas.catalogue import FEEDBACK, FINALIZED
from schemas.classification import LabelCorrected
from schemas.errors import ConfigurationError
from schemas.turns import FinalizedCall
from stream_app.feedback.rows import CorrectedRow, ExportedRows, export_rows, read_rows, write_rows
from stream_app.live.whole_topics import read_topic

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

    from models.classification.label_set import LabelSet
    from stream_app.settings import KafkaSettings


class Export(NamedTuple):
    """What was written, and which corrections could not be used, by why."""

    exported: ExportedRows
    unusable: dict[str, int]


async def export_feedback(kafka: KafkaSettings, label_set: LabelSet, out: Path) -> Export:
    """Write the corrected calls into a file, and complete what an earlier export left there.

    Raises:
        BrokerError: The brokers cannot be reached, or a topic does not exist.
        ConfigurationError: The file is no earlier export.
    """
    earlier = _earlier(out, label_set)
    corrections = await read_corrections(kafka, label_set)
    wanted = corrections.calls.keys() | {row.id for row in earlier}
    calls = await _read_calls(kafka, wanted)
    exported = export_rows(corrections, calls, earlier, label_set)
    write_rows(out, exported.rows)
    return Export(exported, corrections.unusable)


def _earlier(out: Path, label_set: LabelSet) -> list[CorrectedRow]:
    rows = read_rows(out)
    others = {name for row in rows if (name := row.label_set.rpartition("-")[0]) != label_set.name}
    if others:
        raise ConfigurationError(
            f"{out} holds calls of the label set {', '.join(sorted(others))}: name another file "
            "with --out"
        )
    return rows


async def read_corrections(kafka: KafkaSettings, label_set: LabelSet) -> Corrections:
    """Return the corrections of a label set that hold.

    Raises:
        BrokerError: The brokers cannot be reached, or the topic does not exist.
    """
    found = [
        stamped.message
        async for stamped in read_topic(kafka, FEEDBACK)
        if isinstance(stamped.message, LabelCorrected)
    ]
    return latest_corrections(found, label_set)


async def _read_calls(kafka: KafkaSettings, wanted: Container[str]) -> dict[str, FinalizedCall]:
    return {
        stamped.message.call_id: stamped.message
        async for stamped in read_topic(kafka, FINALIZED)
        if isinstance(stamped.message, FinalizedCall) and stamped.message.call_id in wanted
    }

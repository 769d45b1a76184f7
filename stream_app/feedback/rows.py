"""Corrected calls as rows that training reads: what was said, and the labels that hold."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from models.classification.corrections import labels_of
from models.classification.live.earlier_labels import are_all_present, present_labels
from models.private_calls import is_private
from schemas.base import RUN_SEPARATOR, Party
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from models.classification.corrections import Corrected, Corrections
    from models.classification.label_set import LabelSet
    from schemas.turns import FinalizedCall


GONE = "in part or whole, for labels that there are no more: they stay as they are in the file"


class SaidTurn(msgspec.Struct, frozen=True):
    """What one party said."""

    party: Party
    text: str


class CorrectedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A corrected call, in the form of labelled calls that the recipes of training name.

    Attributes:
        id: Of the call.
        group: Of the call without its run: runs of one call are never divided.
        turns: In their order.
        labels: By task, of the tasks that were corrected and their parents.
        label_set: Name and version of the label set that the labels are of.
        said: What the model had said, by task.
        corrected_at_ns: Wall clock (Unix, ns) of the last correction.
    """

    id: str
    group: str
    turns: tuple[SaidTurn, ...]
    labels: dict[str, tuple[str, ...]]
    label_set: str
    said: dict[str, tuple[str, ...]] = {}
    corrected_at_ns: int = 0


class ExportedRows(NamedTuple):
    """What an export consists of.

    Attributes:
        rows: By call id.
        left_out: Calls by why they are not among them, or not learnt as they are.
    """

    rows: tuple[CorrectedRow, ...]
    left_out: dict[str, int]


def export_rows(
    corrections: Corrections,
    calls: Mapping[str, FinalizedCall],
    earlier: Iterable[CorrectedRow],
    label_set: LabelSet,
) -> ExportedRows:
    """Return a row for every corrected call whose words are known.

    A row that has nothing but an earlier export gets the present names of its labels. Where one of
    them is no label any more it stays as it is, so that nothing is lost, and is counted.

    Args:
        corrections: That hold now.
        calls: Finalized calls by their id.
        earlier: Rows of an earlier export: what was said in calls that are no longer on the topic,
            and the labels of those whose corrections are gone too.
        label_set: Of the corrections.
    """
    known = {row.id: row for row in earlier}
    rows: dict[str, CorrectedRow] = {}
    left_out: Counter[str] = Counter()
    for call_id in {**known, **corrections.calls}:
        before, call = known.get(call_id), calls.get(call_id)
        problem = _problem(call)
        by_task = corrections.calls.get(call_id)
        if problem:
            left_out[problem] += 1
        elif by_task is None and before is not None:
            is_present = are_all_present(before.labels, label_set)
            rows[call_id] = _renamed(before, label_set) if is_present else before
            left_out[GONE] += not is_present
        elif call is None and before is None:
            left_out["not on the topic of finalized calls"] += 1
        else:
            row = _row(call_id, _turns(call, before), by_task or {}, label_set)
            if row.labels and row.turns:
                rows[call_id] = row
            else:
                left_out["without words" if row.labels else "without a label that holds"] += 1
    return ExportedRows(tuple(rows[call_id] for call_id in sorted(rows)), dict(+left_out))


def _problem(call: FinalizedCall | None) -> str:
    """Return why a call must not be learnt from; empty where it may."""
    if call is None:
        return ""
    if is_private(call.context):
        return "with analytics: false"
    return "in a language that was not served" if call.unserved_language else ""


def _turns(call: FinalizedCall | None, before: CorrectedRow | None) -> tuple[SaidTurn, ...]:
    if call is not None:
        said = (SaidTurn(turn.party, turn.text) for turn in call.turns)
        return tuple(turn for turn in said if turn.text.strip())
    return before.turns if before is not None else ()


def _row(
    call_id: str,
    turns: tuple[SaidTurn, ...],
    by_task: Mapping[str, Corrected],
    label_set: LabelSet,
) -> CorrectedRow:
    return CorrectedRow(
        id=call_id,
        group=call_id.partition(RUN_SEPARATOR)[0],
        turns=turns,
        labels=labels_of(by_task, label_set),
        label_set=label_set.versioned_name,
        said={task: each.said for task, each in by_task.items() if each.said},
        corrected_at_ns=max((each.at_ns for each in by_task.values()), default=0),
    )


def _renamed(row: CorrectedRow, label_set: LabelSet) -> CorrectedRow:
    labels = present_labels(row.labels, label_set)
    return msgspec.structs.replace(row, labels=labels, label_set=label_set.versioned_name)


def read_rows(path: Path) -> list[CorrectedRow]:
    """Return the rows of an earlier export; none where there is no such file.

    Raises:
        ConfigurationError: The file is no export.
    """
    try:
        return msgspec.json.Decoder(CorrectedRow).decode_lines(path.read_bytes())
    except FileNotFoundError:
        return []
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"{path} is no earlier export ({error}): name another file with --out"
        raise ConfigurationError(message) from error


def write_rows(path: Path, rows: Iterable[CorrectedRow]) -> None:
    """Replace a file by the rows in one go; its owner alone may read what was said in calls."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.touch(mode=0o600)
    partial.write_bytes(msgspec.json.Encoder().encode_lines(rows))
    partial.replace(path)

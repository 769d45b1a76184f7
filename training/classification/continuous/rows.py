"""The rows of a session: what was learnt before, what is new, what people corrected."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from models.classification.live.earlier_labels import present_labels
from models.store.history import RowsUsed
from training.classification.corpus.rows import GROUP, Row, RowTurn, read_rows, spoken_text
from training.classification.sources.protocol import Reading
from training.classification.sources.readers import read_source
from training.classification.sources.recipe import Source
from training.core.errors import MissingDataError, RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from models.classification.label_set import LabelSet

NEW, CORRECTIONS, LEARNT = "new", "corrections", "learnt"  # sources of rows of sessions
GONE = "in part or whole, for labels that there are no more"
_DIGEST_BYTES = 8


class SessionRows(NamedTuple):
    """The rows of a session, each text once.

    Attributes:
        replayed: Learnt before.
        new: Labelled since.
        corrections: Of calls that people corrected.
        selection: To choose the best epoch with: some of the replayed and new ones, which are not
            learnt, and the corrections.
        left_out: Rows by why they are not among these.
    """

    replayed: tuple[Row, ...]
    new: tuple[Row, ...]
    corrections: tuple[Row, ...]
    selection: tuple[Row, ...]
    left_out: dict[str, int]

    @property
    def train(self) -> tuple[Row, ...]:
        """Return the rows to learn from."""
        return (*self.replayed, *self.new, *self.corrections)


class _Rows:
    """Rows that are taken one after the other; of one text only the first is.

    Args:
        held_out: What no session may learn from.
        label_set: Whose turns count.
    """

    def __init__(self, held_out: Sequence[Row], label_set: LabelSet) -> None:
        self._label_set = label_set
        self._held_texts = {spoken_text(row, label_set) for row in held_out}
        self._held_groups = {row.group for row in held_out}
        self._held_own_groups = {group for row in held_out if (group := row.provenance.get(GROUP))}
        self._texts: set[str] = set()
        self.left_out: Counter[str] = Counter()

    def taken(self, rows: Iterable[Row], repeated: str) -> list[Row]:
        """Return the rows that may be learnt from.

        Args:
            rows: Of two with one text the later one is taken.
            repeated: Why one is left out whose text was taken before.
        """
        latest = {spoken_text(row, self._label_set): row for row in rows}
        found = []
        for text, row in latest.items():
            is_held = row.group in self._held_groups or (
                row.provenance.get(GROUP) in self._held_own_groups
            )
            if text in self._held_texts or is_held:
                self.left_out["in the validation or test set"] += 1
            elif text in self._texts:
                self.left_out[repeated] += 1
            elif not text or not row.labels:
                self.left_out["without words or labels"] += 1
            else:
                self._texts.add(text)
                found.append(row)
        return found


def gather_rows(
    rows: tuple[Sequence[Row], Sequence[Row], Sequence[Row]],
    held_out: Sequence[Row],
    label_set: LabelSet,
    selection_share: float,
) -> SessionRows:
    """Return the rows of a session.

    What was said in a corrected call is learnt from the correction alone, and of a text that is
    labelled anew the new labels.

    Args:
        rows: Learnt before, new, corrected.
        held_out: Of the validation and test sets: neither their texts nor other rows of their
            groups are learnt, as files of calls name groups.
        label_set: Whose turns count.
        selection_share: Of the groups, how many choose the best epoch.

    Raises:
        MissingDataError: There is nothing to learn from, or nothing to choose an epoch with.
    """
    learnt, new, corrected = rows
    taking = _Rows(held_out, label_set)
    corrections = taking.taken(corrected, "corrected")
    fresh = taking.taken(new, "corrected since")
    old = taking.taken(learnt, "labelled anew")
    chosen = [row for row in (*old, *fresh) if _is_for_selection(row, selection_share)]
    kept = {id(row) for row in chosen}
    found = SessionRows(
        tuple(row for row in old if id(row) not in kept),
        tuple(row for row in fresh if id(row) not in kept),
        tuple(corrections),
        (*chosen, *corrections),
        dict(taking.left_out),
    )
    if not found.train or not found.selection:
        raise MissingDataError(
            f"{len(found.train)} rows to learn from and {len(found.selection)} to choose an epoch "
            "with: a session needs both"
        )
    return found


def _is_for_selection(row: Row, share: float) -> bool:
    """Return whether the group of a row chooses the best epoch, the same in every session."""
    digest = hashlib.sha256(f"selection/{row.group}".encode()).digest()[:_DIGEST_BYTES]
    place = int.from_bytes(digest, "big") / 2.0 ** (8 * _DIGEST_BYTES)
    return place < share


class _ExportedCall(msgspec.Struct, frozen=True):
    """A call as `callstream feedback export` writes it, without what no session reads."""

    id: str
    group: str
    turns: tuple[RowTurn, ...]
    labels: dict[str, tuple[str, ...]]
    label_set: str


class PresentRows(NamedTuple):
    """Rows with their labels as a label set names them now.

    Attributes:
        rows: That have a label.
        forgotten: How many rows have lost labels, all of them or some, that there are no more.
    """

    rows: list[Row]
    forgotten: int


def read_labelled(path: Path, label_set: LabelSet, kind: str) -> list[Row]:
    """Return the calls of a file, as rows of a session.

    Args:
        path: In a form that the source ``calls`` takes.
        label_set: Of the labels.
        kind: What its rows are to the session, such as `NEW`.

    Raises:
        MissingDataError: There is no such file, or a call in it has no text or an unknown label.
    """
    if not path.is_file():
        raise MissingDataError(f"no labelled calls at {path}: give a file of JSON or JSON lines")
    source = Source("calls", str(path.absolute()))
    reading = Reading(f"{kind}/{path.stem}", source, Path(), label_set, seed=0)
    return [msgspec.structs.replace(found.row, source=kind) for found in read_source(reading)]


def read_corrections(path: Path, label_set: LabelSet) -> PresentRows:
    """Return the corrected calls of an export, whichever version of the label set wrote it.

    Args:
        path: Of `callstream feedback export`, or in another form that the source ``calls`` takes.
        label_set: Of the session.

    Raises:
        MissingDataError: There is no such file; or it is no export, and a call in it has no text
            or an unknown label.
    """
    name = f"{CORRECTIONS}/{path.stem}"
    try:
        calls = msgspec.json.Decoder(_ExportedCall).decode_lines(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return PresentRows(read_labelled(path, label_set, CORRECTIONS), 0)
    rows = (
        Row(
            id=f"{name}/{call.id}",
            source=CORRECTIONS,
            group=f"{name}/{call.group}",
            turns=call.turns,
            labels=call.labels,
            provenance={"file": path.name, GROUP: call.group},
        )
        for call in calls
    )
    return with_present_names(rows, label_set)


def learnt_path(folder: Path) -> Path:
    """Return the file with the new rows of sessions whose versions were kept."""
    return folder / "learnt.jsonl"


def read_learnt(folder: Path) -> list[Row]:
    """Return the new rows that earlier versions learnt; none before the first.

    Raises:
        MissingDataError: The file is damaged.
    """
    path = learnt_path(folder)
    return read_rows(path) if path.is_file() else []


def with_present_names(rows: Iterable[Row], label_set: LabelSet) -> PresentRows:
    """Return rows with their labels as a label set names them now, without rows that have none.

    Args:
        rows: Written with an earlier version of it.
        label_set: That knows earlier names as spellings. A task with a label that it does not know
            is left out.
    """
    before = list(rows)
    labels = [present_labels(row.labels, label_set) for row in before]
    pairs = list(zip(before, labels, strict=True))
    return PresentRows(
        [msgspec.structs.replace(row, labels=now) for row, now in pairs if now],
        sum(not row.labels.keys() <= now.keys() for row, now in pairs),
    )


def check_sources(rows: Iterable[Row]) -> None:
    """Refuse prepared rows whose source has the name of rows of sessions.

    Raises:
        RecipeError: One has.
    """
    taken = {NEW, CORRECTIONS, LEARNT} & {row.source for row in rows}
    if taken:
        names = ", ".join(sorted(taken))
        raise RecipeError(f"data.sources: {names} means rows of sessions: give it another name")


def rows_used(rows: Sequence[Row]) -> RowsUsed:
    """Return number and content of rows; the sha256 is that of a file with them."""
    content = msgspec.json.Encoder().encode_lines(rows)
    return RowsUsed(len(rows), hashlib.sha256(content).hexdigest())

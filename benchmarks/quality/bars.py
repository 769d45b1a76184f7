"""The limits that weights keep before they become the bundled ones."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from benchmarks.core.held_out_sets import DEMO_SET, VOICES_SET
from benchmarks.core.real_sets import CALLS, CLEAN, REAL_SETS, TELEPHONE, WIDE_SETS

MAX_MEAN_RATIO = 0.85
MAX_HIGH_ON_CALLS = 0.015  # the set is small, so its interval counts
MAX_DEMO_RATE, MAX_VOICES_RATE = 0.10, 0.37  # of the weights that were bundled first
MAX_INT8_LOSS = 0.005
MAX_CLEAN_LOSS = 0.01
MAX_GUARD_LOSS = 0.002
BAR_PIECES = 2_000
BAR_MINUTES, MAX_WORDS_WITHOUT_SPEECH = 60, 3

Verdict = Literal["fail", "not measured", "pass"]
VERDICTS: tuple[Verdict, ...] = ("fail", "not measured", "pass")
Rows = Mapping[tuple[str, str], Mapping[str, Any]]


class Bar(msgspec.Struct, frozen=True):
    """A limit and what was measured against it.

    Attributes:
        system: Whose figure it is.
        name: What may not exceed the limit.
        measured: None where the run has no figure for it.
        limit: The greatest figure that holds.
        is_rate: Both are shares, not counts or ratios.
    """

    system: str
    name: str
    measured: float | None
    limit: float
    is_rate: bool = True

    @property
    def verdict(self) -> Verdict:
        """Return whether the limit is kept."""
        if self.measured is None:
            return "not measured"
        return "pass" if self.measured <= self.limit else "fail"

    @property
    def row(self) -> dict[str, Any]:
        """Return the bar with its verdict, for reports."""
        return {**msgspec.to_builtins(self), "verdict": self.verdict}


def judge(report: Mapping[str, Any], unquantized: str = "") -> list[Bar]:
    """Return every bar of every system but the first, which they are compared with.

    Args:
        report: Of the quality benchmark.
        unquantized: Label of the system whose int8 form the others are; it is not judged.
    """
    labels = [row["system"] for row in report["systems"][1:]]
    full = _rows(report, unquantized)
    return [
        bar
        for label in labels
        if label != unquantized
        for bar in (
            *_against_the_first(label, _rows(report, label), _own(report, "systems", label)),
            *_against_full_precision(label, _rows(report, label), full),
            *_on_its_own(label, _rows(report, label)),
            _runaways(label, _own(report, "pieces", label)),
            _words_without_speech(label, _own(report, "non_speech", label)),
        )
    ]


def _rows(report: Mapping[str, Any], label: str) -> Rows:
    own = [row for row in report["error_rates"] if row["system"] == label]
    return {(row["set"], row["line"]): row for row in own}


def _own(report: Mapping[str, Any], part: str, label: str) -> Mapping[str, Any]:
    return next((row for row in report[part] if row["system"] == label), {})


def _against_the_first(label: str, rows: Rows, summary: Mapping[str, Any]) -> Iterator[Bar]:
    what = "more word errors than the first system"
    for name in REAL_SETS:
        yield Bar(label, f"{name}: {what}", _difference(rows, name, TELEPHONE), 0.0)
    high = _difference(rows, CALLS, TELEPHONE, "high")
    yield Bar(label, f"{CALLS}: upper end of the same", high, MAX_HIGH_ON_CALLS)
    ratio = summary.get("ratio") or {}
    mean = ratio["mean"] if ratio.get("sets") == len(REAL_SETS) else None
    name = "mean ratio to the first system's word errors"
    yield Bar(label, name, mean, MAX_MEAN_RATIO, is_rate=False)
    for name in WIDE_SETS:
        difference = _difference(rows, name, CLEAN)
        yield Bar(label, f"{name}, {CLEAN}: {what}", difference, MAX_CLEAN_LOSS)


def _difference(rows: Rows, name: str, line: str, end: str = "rate") -> float | None:
    difference = rows.get((name, line), {}).get("difference")
    return None if difference is None else float(difference[end])


def _against_full_precision(label: str, rows: Rows, full: Rows) -> Iterator[Bar]:
    for name in (*REAL_SETS, DEMO_SET, VOICES_SET):
        own, other = (_rate(each, name) for each in (rows, full))
        loss = None if own is None or other is None else round(own - other, 4)
        yield Bar(label, f"{name}: more word errors than in full precision", loss, MAX_INT8_LOSS)


def _on_its_own(label: str, rows: Rows) -> Iterator[Bar]:
    for name, limit in ((DEMO_SET, MAX_DEMO_RATE), (VOICES_SET, MAX_VOICES_RATE)):
        yield Bar(label, f"{name}: word errors", _rate(rows, name), limit)
    for name in REAL_SETS:
        row = rows.get((name, TELEPHONE))
        lost = None
        if row is not None:
            lost = row["word_error_rate"]["rate"] - row["word_error_rate_without_guards"]
            lost = round(lost, 4)
        yield Bar(label, f"{name}: word errors by guards", lost, MAX_GUARD_LOSS)


def _rate(rows: Rows, name: str) -> float | None:
    row = rows.get((name, TELEPHONE))
    return None if row is None else float(row["word_error_rate"]["rate"])


def _runaways(label: str, pieces: Mapping[str, Any]) -> Bar:
    is_enough = pieces.get("pieces", 0) >= BAR_PIECES
    measured = pieces["runaways"] if is_enough else None
    return Bar(label, f"runaways of {BAR_PIECES:,} pieces", measured, 0, is_rate=False)


def _words_without_speech(label: str, figures: Mapping[str, Any]) -> Bar:
    is_enough = figures.get("minutes", 0) >= BAR_MINUTES
    measured = figures["words"] * BAR_MINUTES / figures["minutes"] if is_enough else None
    name = f"words in {BAR_MINUTES} minutes without speech"
    return Bar(label, name, measured, MAX_WORDS_WITHOUT_SPEECH, is_rate=False)

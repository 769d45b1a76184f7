"""The data report: what was prepared, what was left out, what is to be known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from training.analytics.forms.lengths import LengthFigures
from training.analytics.preparation.counts import MAX_BAND_SHARE, largest_band_share
from training.analytics.sources.protocol import LeftOut
from training.core.splits import SPLITS, Split
from training.measuring.markdown import table

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOWN = 20  # of what was left out, and of each kind of remark
_SHOWN_TEXTS = 5
_LENGTH_COLUMNS = (
    *("split", "calls", "mean", "median", "95 %", "longest"),
    *("over", "share", "cut", "turns left out"),
)


class SourceReport(msgspec.Struct, frozen=True, kw_only=True):
    """A source.

    Attributes:
        kind: How it was read.
        read: Calls that examples were made of.
        left_out: Files or lines that none could be made of.
        copies: Calls that another one has the words of.
        near_copies: Calls that resemble one of a later split.
        examples: That are left, by split.
        synthetic: Of those, calls that no person spoke.
    """

    kind: str
    read: int
    left_out: int
    copies: int
    near_copies: int
    examples: dict[Split, int]
    synthetic: int


class RemarkReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was read in another way than it is written.

    Attributes:
        source: Where.
        kind: What.
        calls: How often.
        texts: Some of them.
    """

    source: str
    kind: str
    calls: int
    texts: tuple[str, ...]


class FormReport(msgspec.Struct, frozen=True, kw_only=True):
    """How long the calls are in a form.

    Attributes:
        max_tokens: That prompt and answer may have together.
        answer_tokens: Of them kept free for the answer.
        splits: By split.
    """

    max_tokens: int
    answer_tokens: int
    splits: dict[Split, LengthFigures]


class CorpusReport(msgspec.Struct, frozen=True, kw_only=True):
    """The prepared calls.

    Attributes:
        guide: Name and version of the analysis guide.
        seed: Of the recipe.
        tokenizer: Whose tokens are counted.
        sources: By name.
        examples: By split.
        groups: By split.
        answers: By split, task and answer.
        forms: By name, how long the calls are.
        shared_turns: By pair of splits, longer turns that both have word for word.
        phrasings: That calls are generated from, none of them in two splits; 0 where none are.
        remarks: What was corrected or not understood.
        left_out: Some of what no example was made of; all of it is in a file of its own.
        seconds: That the preparation took.
    """

    guide: str
    seed: int
    tokenizer: str
    sources: dict[str, SourceReport]
    examples: dict[Split, int]
    groups: dict[Split, int]
    answers: dict[Split, dict[str, dict[str, int]]]
    forms: dict[str, FormReport]
    shared_turns: dict[str, int]
    phrasings: int
    remarks: tuple[RemarkReport, ...]
    left_out: tuple[LeftOut, ...]
    seconds: float


def warnings(report: CorpusReport) -> list[str]:
    """Return what the user of the calls should know, a sentence each."""
    found = [
        f"{name}: {one.left_out:,} of {one.read + one.left_out:,} could not be used: see "
        "left_out.jsonl"
        for name, one in report.sources.items()
        if one.left_out
    ]
    found += [f"{each.source}: {each.kind}: {each.calls:,}" for each in report.remarks]
    share = largest_band_share(report.answers["test"]["churn"])
    if share > MAX_BAND_SHARE:
        found.append(
            f"{share:.0%} of the test calls are of one churn band; above {MAX_BAND_SHARE:.0%} the "
            "accuracy says little"
        )
    found += [f"there are no calls to {split}" for split in SPLITS if not report.examples[split]]
    return found


def markdown(report: CorpusReport) -> str:
    """Return the report for people."""
    parts = [f"# Analysed calls of `{report.guide}`", ""]
    parts += table(
        ("source", "kind", "read", "left out", "copies", "near copies", *SPLITS, "synthetic"),
        (
            (
                name,
                one.kind,
                *map(_number, (one.read, one.left_out, one.copies, one.near_copies)),
                *(_number(one.examples[split]) for split in SPLITS),
                _number(one.synthetic),
            )
            for name, one in report.sources.items()
        ),
    )
    parts += ["", f"Groups: {_by_split(report.groups)}. Seed {report.seed}.", ""]
    parts += [f"- {each}." for each in warnings(report)]
    parts += _lengths(report)
    for task in report.answers["train"]:
        parts += ["", f"## `{task}`", "", *_answers(report, task)]
    parts += ["", "## Left out and corrected", "", *_details(report)]
    return "\n".join([*parts, ""])


def _lengths(report: CorpusReport) -> Iterator[str]:
    yield from ("", "## Lengths", "", f"In tokens, by {report.tokenizer}; the answer is never cut.")
    for name, form in report.forms.items():
        yield from ("", f"### {name}, at most {form.max_tokens:,} tokens", "")
        yield from table(
            (
                "split",
                "calls",
                "mean",
                "median",
                "95 %",
                "longest",
                "over",
                "share",
                "cut",
                "turns",
            ),
            (
                (
                    split,
                    _number(one.calls),
                    f"{one.mean:,.1f}",
                    *map(_number, (one.median, one.p95, one.longest, one.over)),
                    f"{one.over_share:.1%}",
                    *map(_number, (one.cut_calls, one.cut_turns)),
                )
                for split, one in form.splits.items()
            ),
        )
    yield from ("", "Cut are calls that lose turns from their middle. ![lengths](lengths.png)")


def _answers(report: CorpusReport, task: str) -> Iterator[str]:
    def cell(label: str, split: Split) -> str:
        count = report.answers[split][task].get(label, 0)
        return f"{count:,} ({count / max(1, report.examples[split]):.0%})"

    labels = {label: 0 for split in SPLITS for label in report.answers[split][task]}
    rows = ((label, *(cell(label, split) for split in SPLITS)) for label in labels)
    yield from table((task, *SPLITS), rows)


def _details(report: CorpusReport) -> Iterator[str]:
    for each in report.remarks:
        yield f"- {each.source}: {each.kind}, {each.calls:,} times: {'; '.join(each.texts)}"
    for left in report.left_out:
        yield f"- `{left.where}`: {left.reason}"
    turns = ", ".join(f"{pair} {count:,}" for pair, count in report.shared_turns.items())
    yield f"- Turns of eight words or more that two splits have word for word: {turns}."
    if report.phrasings:
        yield f"- Of {report.phrasings:,} phrasings, none is in two splits."
    yield f"- The preparation took {report.seconds:,.0f} s."


def remark_report(source: str, kind: str, texts: list[str]) -> RemarkReport:
    """Return the report of the remarks of one kind."""
    shown = tuple(dict.fromkeys(texts))[:_SHOWN_TEXTS]
    return RemarkReport(source=source, kind=kind, calls=len(texts), texts=shown)


def _by_split(counts: dict[Split, int]) -> str:
    return ", ".join(f"{split} {counts[split]:,}" for split in SPLITS)


def _number(value: int) -> str:
    return f"{value:,}"

"""How long calls are in tokens, as figures and as a plot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from models.extras.matplotlib import Figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from training.analytics.forms.rows import Length
    from training.core.splits import Split

_BINS = 40


class LengthFigures(msgspec.Struct, frozen=True):
    """Tokens of prompt and answer, over some calls.

    Attributes:
        calls: How many there are.
        mean: Tokens.
        median: Tokens.
        p95: Tokens.
        longest: Tokens.
        over: Calls above the limit.
        over_share: Their share, 0 to 1.
        cut_calls: Calls that lose turns from their middle.
        cut_turns: Turns that they lose.
    """

    calls: int
    mean: float
    median: int
    p95: int
    longest: int
    over: int
    over_share: float
    cut_calls: int
    cut_turns: int


def length_figures(lengths: Sequence[Length], max_tokens: int) -> LengthFigures:
    """Return the figures of the lengths of some calls."""
    ordered = sorted(each.tokens for each in lengths)
    if not ordered:
        return LengthFigures(0, 0.0, 0, 0, 0, 0, 0.0, 0, 0)
    over = sum(tokens > max_tokens for tokens in ordered)
    return LengthFigures(
        calls=len(ordered),
        mean=round(sum(ordered) / len(ordered), 1),
        median=ordered[len(ordered) // 2],
        p95=ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)],
        longest=ordered[-1],
        over=over,
        over_share=round(over / len(ordered), 4),
        cut_calls=sum(each.cut_turns > 0 for each in lengths),
        cut_turns=sum(each.cut_turns for each in lengths),
    )


def plot_lengths(
    lengths: Mapping[Split, Sequence[Length]], max_tokens: int, unit: str, path: Path
) -> None:
    """Write the distribution of the lengths by split as a PNG.

    Args:
        lengths: By split.
        max_tokens: Where the limit is drawn.
        unit: Whose tokens they are.
        path: Of the file.
    """
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for split, of_split in lengths.items():
        if of_split:
            axes.hist([each.tokens for each in of_split], bins=_BINS, histtype="step", label=split)
    axes.axvline(max_tokens, color="black", linestyle="--", label=f"limit, {max_tokens:,}")
    axes.set(xlabel=f"tokens of prompt and answer ({unit.partition(':')[0]})", ylabel="calls")
    axes.set(yscale="log", title="length of calls")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)

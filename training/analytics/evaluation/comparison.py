"""Several evaluations side by side: a small data set and a full one, MLX and PyTorch, versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from training.core.errors import MissingDataError
from training.measuring.markdown import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from training.analytics.evaluation.results import ModelResult, Report, SetResult

COMPARISON_MD = "comparison.md"


class _Column(NamedTuple):
    """A model of a report."""

    title: str
    report: Report
    model: ModelResult


def write_comparison(folder: Path, reports: Mapping[str, Report]) -> Path:
    """Write reports side by side into a folder, and return the path.

    Raises:
        MissingDataError: There are not two models to compare.
    """
    path = folder / COMPARISON_MD
    lines = ["# Call analytics: comparison", "", *comparison_lines(reports)]
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def comparison_lines(reports: Mapping[str, Report]) -> Iterator[str]:
    """Yield the figures of reports side by side, set by set, and what makes them differ.

    Args:
        reports: By title.

    Raises:
        MissingDataError: There are not two models to compare.
    """
    columns = [
        _Column(f"{title}, {kind}" if len(report.models) > 1 else title, report, model)
        for title, report in reports.items()
        for kind, model in report.models.items()
    ]
    if len(columns) <= 1:
        raise MissingDataError("a comparison needs two models or more: name further reports")
    yield from table(("", *(each.title for each in columns)), _runs(columns))
    names = dict.fromkeys(name for each in columns for name in each.model.sets)
    for name in names:
        having = [each for each in columns if name in each.model.sets]
        yield ""
        yield f"## {name}"
        yield ""
        yield from table(("figure", *(each.title for each in having)), _figures(having, name))
        if len({each.report.data[name].fingerprint for each in having}) > 1:
            yield ""
            yield "The calls of this set differ between them: the figures cannot be compared."
    yield ""
    yield "Intervals: 95 %, by the bootstrap over calls, of each model alone. Where two of them "
    yield "do not overlap the models differ; where they do it is open."


def _runs(columns: list[_Column]) -> Iterator[tuple[str, ...]]:
    rows: dict[str, Callable[[_Column], str]] = {
        "model": lambda each: each.model.model,
        "back-end": lambda each: each.report.backend,
        "guide": lambda each: each.report.guide,
        "training calls": lambda each: f"{each.report.data['train'].calls:,}",
        "cpu": lambda each: each.report.machine.get("cpu", ""),
        "begun": lambda each: each.report.began_at,
        "perplexity, all tokens of the answer": lambda each: _perplexity(each, "answer"),
        "perplexity, sampled tokens alone": lambda each: _perplexity(each, "sampled"),
    }
    for title, cell in rows.items():
        yield (title, *(cell(each) for each in columns))


def _perplexity(column: _Column, tokens: str) -> str:
    found = column.model.perplexity
    return "" if found is None else f"{getattr(found, tokens).mean:.4f}"


def _figures(columns: list[_Column], name: str) -> Iterator[tuple[str, ...]]:
    results = [each.model.sets[name] for each in columns]
    yield ("calls", *(f"{each.calls:,}" for each in results))
    yield ("valid JSON", *(str(each.valid) for each in results))
    yield ("eval_score", *(f"{each.score:.4f}" for each in results))
    metrics = {key: found.title for each in results for key, found in each.metrics.items()}
    for key, title in metrics.items():
        cells = (str(each.metrics[key].figure) if key in each.metrics else "" for each in results)
        yield (title, *cells)
    yield ("seconds for a call, p50", *(_seconds(each) for each in results))


def _seconds(result: SetResult) -> str:
    return "" if result.speed is None else f"{result.speed.call_s.p50:.2f}"

"""Measure what one run of the end-of-turn model takes, on one thread, in int8 and in fp32."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.table import Table

from benchmarks.core.affinity import pinned_to, usable_cores
from benchmarks.core.plots import colours, new_figure, save_figure
from benchmarks.core.report import base_name, prepare_folder, save_report
from benchmarks.core.spread import percentiles
from benchmarks.turn_model.graphs import Graph, bundled_graphs, mobile_bert_graphs, token_feed
from models.store.layout import serving_manifests, source_path
from models.turns.detector import TurnDetector
from models.turns.manifest import TURN_MODELS
from schemas.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

WARM_UP = 5
DIGITS = 3
FROM_TEXT = "from text"
SPECIAL_TOKENS = 2
WORD = "yes "  # one token


class TurnModelOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure.

    Attributes:
        model: As `TurnModels` takes it.
        tokens: Lengths of the texts.
        batches: Texts of one run.
        rounds: Measured runs of each case.
        core: To run on; the first that is usable by default.
        has_mobile_bert: Whether to measure MobileBERT too.
    """

    model: str = "bundled"
    tokens: tuple[int, ...] = (8, 16, 32, 64, 128)
    batches: tuple[int, ...] = (1, 8)
    rounds: int = 200
    core: int = -1
    has_mobile_bert: bool = True


def measure(options: TurnModelOptions, *, out: Path) -> dict[str, Any]:
    """Return the delays of every case, and write ``turn_model.json`` and ``turn_model.png``.

    Raises:
        CallstreamError: There is no such model, or no folder for the report.
    """
    prepare_folder(out)
    core = options.core if options.core >= 0 else usable_cores()[0]
    with tempfile.TemporaryDirectory() as name, pinned_to([core]):
        graphs = bundled_graphs(options.model, Path(name))
        others, skipped = _others(options, Path(name))
        graphs += others
        rows = [row for group in _by_model(graphs) for row in _measure_model(group, options)]
        rows += _measure_texts(options)
    about = {**msgspec.to_builtins(options), "core": core, "model": base_name(options.model)}
    sizes = [
        {"model": each.model, "precision": each.precision, "bytes": each.size_bytes}
        for each in graphs
    ]
    figures = {"options": about, "sizes": sizes, "skipped": skipped, "rows": rows}
    report = save_report("turn_model", figures, out)
    _plot(report, out / "turn_model.png")
    return report


def _others(options: TurnModelOptions, folder: Path) -> tuple[list[Graph], list[str]]:
    """Return the graphs beside the model's own, and why some are missing."""
    if not options.has_mobile_bert:
        return [], []
    try:
        return mobile_bert_graphs(folder), []
    except MissingExtraError as error:
        return [], [f"MobileBERT was not measured: {error}"]


def _by_model(graphs: Sequence[Graph]) -> list[list[Graph]]:
    return [list(group) for _, group in groupby(graphs, key=lambda graph: graph.model)]


def _measure_model(graphs: Sequence[Graph], options: TurnModelOptions) -> list[dict[str, Any]]:
    """Return a row for each precision, length and batch of one model."""
    rows = []
    for tokens in graphs[0].lengths or options.tokens:
        for batch in options.batches:
            feed = token_feed(batch, tokens)
            runs = [partial(graph.session.run, ["logits"], feed) for graph in graphs]
            delays = _interleaved(runs, options.rounds)
            found = [percentiles(each, DIGITS) for each in delays]
            exact = next(
                f["p50"]
                for f, graph in zip(found, graphs, strict=True)
                if graph.precision == "fp32"
            )
            for graph, figures in zip(graphs, found, strict=True):
                rows.append(_row(graph.model, graph.precision, tokens, batch, figures, exact))
    return rows


def _measure_texts(options: TurnModelOptions) -> list[dict[str, Any]]:
    """Return a row for each length and batch, from text to probability as the live path runs it."""
    rows = []
    for manifest in serving_manifests(source_path(options.model, TURN_MODELS), TURN_MODELS):
        detector = TurnDetector.load(manifest)
        for tokens in options.tokens:
            for batch in options.batches:
                texts = [WORD * (tokens - SPECIAL_TOKENS)] * batch
                run = partial(detector.probabilities, texts, detector.variants[:1] * batch)
                (delays,) = _interleaved([run], options.rounds)
                figures = percentiles(delays, DIGITS)
                rows.append(_row(detector.name, FROM_TEXT, tokens, batch, figures, None))
    return rows


def _row(  # noqa: PLR0913, PLR0917 - the columns of a report
    model: str,
    precision: str,
    tokens: int,
    batch: int,
    figures: Mapping[str, float | int | None],
    exact_ms: float | None,
) -> dict[str, Any]:
    median = figures["p50"]
    ratio = round(exact_ms / median, 2) if exact_ms and median else None
    return {
        "model": model,
        "precision": precision,
        "tokens": tokens,
        "batch": batch,
        "ms": dict(figures),
        "times_faster_than_fp32": ratio,
    }


def _interleaved(runs: Sequence[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Return the delays of each in ms, measured in turns: what disturbs one disturbs all."""
    for run in runs:
        for _ in range(WARM_UP):
            run()
    delays: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for run, own in zip(runs, delays, strict=True):
            began = time.perf_counter()
            run()
            own.append((time.perf_counter() - began) * 1e3)
    return delays


def table(report: Mapping[str, Any]) -> Table:
    """Return the delays as a table."""
    caption = "; ".join(report["skipped"])
    result = Table(title="one run of the end-of-turn model, one thread, ms", caption=caption)
    for column in ("model", "precision"):
        result.add_column(column)
    for column in ("tokens", "texts", "p50", "p95", "times faster"):
        result.add_column(column, justify="right")
    for row in report["rows"]:
        ratio = row["times_faster_than_fp32"]
        result.add_row(
            row["model"],
            row["precision"],
            str(row["tokens"]),
            str(row["batch"]),
            f"{row['ms']['p50']:.2f}",
            f"{row['ms']['p95']:.2f}",
            "" if ratio is None else f"{ratio:.2f}",
        )
    return result


def _plot(report: Mapping[str, Any], path: Path) -> None:
    """Draw the median delay of one text against its length."""
    figure, (axes,) = new_figure(width=6.0)
    single = [row for row in report["rows"] if row["batch"] == min(report["options"]["batches"])]
    ways = list(dict.fromkeys((row["model"], row["precision"]) for row in single))
    for (model, precision), colour in zip(ways, colours(len(ways)), strict=True):
        own = [row for row in single if (row["model"], row["precision"]) == (model, precision)]
        axes.plot(
            [row["tokens"] for row in own],
            [row["ms"]["p50"] for row in own],
            marker="o",
            label=f"{model} {precision}",
            color=colour,
        )
    axes.set(xlabel="tokens", ylabel="median ms of one text", yscale="log")
    axes.legend(fontsize=6, frameon=False)
    axes.set_title(f"one thread of {report['machine']['cpu']}", fontsize=8)
    save_figure(figure, path)

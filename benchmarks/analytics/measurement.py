"""Measure what a call costs a language model on llama.cpp: time, memory, money."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

import msgspec
from rich.table import Table

from benchmarks.analytics.process import MEGABYTE, cpu_seconds, memory_mb
from benchmarks.core.report import base_name, prepare_folder, save_report
from benchmarks.core.spread import percentiles
from models.analytics.answer_parts import MAX_TURNS
from models.analytics.backends.llama import LlamaBackend, LlamaOptions
from models.analytics.grammar import max_answer_tokens
from models.analytics.manifest import FORMAT, AnalyticsManifest
from models.analytics.serving.analyst import TEMPLATE_TOKENS, Analysed, Analyst
from models.console import WorkProgress
from models.fetching.base_model import find_base
from schemas.errors import InferenceError
from schemas.failed import Failed
from training.analytics.adapters.gguf_model import fuse_gguf
from training.analytics.composed.generator import generate, the_guide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from models.analytics.turns import SpokenTurn, TemporalContext

    Call = tuple[Sequence[SpokenTurn], TemporalContext]

DIGITS = 3
HOUR_S = 3_600
NOISE_SHARE = 0.3  # of the calls, as a recognizer writes them
DOCUMENTED = (  # of the documents that this was built by: latency, cost of 1,000 calls
    ("GPT-4 prompting", "5-8 s", "$40.00"),
    ("Claude Sonnet 3.5", "3-5 s", "$24.00"),
    ("fine-tuned Mistral 7B", "0.5-1 s", "$0.50"),
)


class AnalyticsOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure.

    Attributes:
        base: Name in the catalogue, or a GGUF file.
        adapter: LoRA as a GGUF file; None without.
        tokens: Of the prompt of a call, what the chat template adds left out.
        calls: Measured calls of each form.
        threads: Of llama.cpp.
        price: Of a machine hour with so many cores, in dollars.
        has_eight_bit: Whether to measure the base as Q8_0 too.
    """

    base: str = "smollm2-135m"
    adapter: Path | None = None
    tokens: int = 600
    calls: int = 20
    threads: int = 1
    price: float = 0.04
    has_eight_bit: bool = True


def measure(options: AnalyticsOptions, *, out: Path) -> dict[str, Any]:
    """Return the figures of every form of the base, and write ``analytics.json``.

    Raises:
        CallstreamError: The base is not there, a call fails, or no folder for the report.
    """
    prepare_folder(out)
    base = find_base(options.base, "", None)
    with tempfile.TemporaryDirectory() as name, WorkProgress() as progress:
        row = progress.add_task("analytics", total=None)
        forms = {"as fetched": base}
        if options.has_eight_bit:
            progress.update(row, description="writing Q8_0")
            forms["Q8_0, from the same 4 bits"] = Path(name) / "base.gguf"
            fuse_gguf(None, base, forms["Q8_0, from the same 4 bits"], "Q8_0")
        rows = []
        for title, path in forms.items():
            progress.update(row, description=title, total=options.calls, completed=0)
            rows.append(_measure(title, path, options, lambda: progress.advance(row)))
    about = {**msgspec.to_builtins(options), "base": base_name(options.base)}
    about["adapter"] = base_name(options.adapter) if options.adapter else ""
    return save_report("analytics", {"options": about, "rows": rows}, out)


def _measure(
    title: str, base: Path, options: AnalyticsOptions, advance: Callable[[], None]
) -> dict[str, Any]:
    guide = the_guide()
    context = options.tokens + TEMPLATE_TOKENS + max_answer_tokens(guide, "codes", MAX_TURNS)
    began = time.perf_counter()
    backend = LlamaBackend(
        LlamaOptions(
            base=base,
            adapter=options.adapter,
            threads=options.threads,
            context_tokens=context,
            timeout_s=HOUR_S,
        )
    )
    load_s = time.perf_counter() - began
    manifest = AnalyticsManifest(
        name=title,
        format=FORMAT,
        file="",
        sha256="",
        base=str(base),
        guide_file="",
        max_prompt_tokens=options.tokens,
    )
    analyst = Analyst(title, guide, manifest, backend)
    try:
        analyst.check()
        samples = []
        for call in long_calls(options.calls, options.tokens, backend.count_tokens):
            samples.append(_sample(analyst, backend.process_id, call))
            advance()
        memory = memory_mb(backend.process_id)
    finally:
        backend.close()
    size_mb = base.stat().st_size / MEGABYTE
    about = {"form": title, "size_mb": round(size_mb, 1), "load_s": round(load_s, 2)}
    return {**about, "memory_mb": memory, **_figures(samples, options)}


def _sample(analyst: Analyst, process: int, call: Call) -> dict[str, float]:
    """Return the figures of one call."""
    before_s, began = cpu_seconds(process), time.perf_counter()
    (found,) = analyst.analyse([call])
    took_s, cpu_s = time.perf_counter() - began, cpu_seconds(process) - before_s
    if isinstance(found, Failed):
        raise InferenceError(f"a call was not analysed: {found.reason}")
    assert isinstance(found, Analysed)
    answer = found.generated
    return {
        "s": took_s,
        "cpu_s": cpu_s,
        "prompt_tokens": answer.prompt_tokens,
        "read_tokens": answer.prompt_tokens - answer.cached_tokens,
        "answer_tokens": answer.answer_tokens,
        "prompt_s": answer.prompt_s,
        "answer_s": answer.answer_s,
    }


def _figures(samples: Sequence[dict[str, float]], options: AnalyticsOptions) -> dict[str, Any]:
    def total(key: str) -> float:
        return sum(each[key] for each in samples)

    calls_an_hour = HOUR_S / mean(each["cpu_s"] for each in samples) * options.threads
    return {
        "calls": len(samples),
        "s": percentiles([each["s"] for each in samples], DIGITS),
        "cpu_s": percentiles([each["cpu_s"] for each in samples], DIGITS),
        "prompt_s": percentiles([each["prompt_s"] for each in samples], DIGITS),
        "answer_s": percentiles([each["answer_s"] for each in samples], DIGITS),
        "prompt_tokens": round(total("prompt_tokens") / len(samples), 1),
        "answer_tokens": percentiles([each["answer_tokens"] for each in samples]),
        "prompt_tokens_a_second": round(total("read_tokens") / total("prompt_s"), 1),
        "answer_tokens_a_second": round(total("answer_tokens") / total("answer_s"), 1),
        "share_of_core": round(total("cpu_s") / total("s") / options.threads, 2),
        "calls_an_hour": round(calls_an_hour),
        "dollars_for_1000": round(options.price / calls_an_hour * 1_000, 4),
    }


def long_calls(count: int, tokens: int, count_tokens: Callable[[str], int]) -> Iterator[Call]:
    """Yield calls whose prompts take about so many tokens: turns of generated calls in a row."""
    examples = generate("test", count * (tokens // 50 + 2), seed=1, noise_share=NOISE_SHARE)
    for _ in range(count):
        turns: list[SpokenTurn] = []
        taken, context = 0, None
        while taken < tokens:
            example = next(examples)
            context = context or example.context
            turns += example.turns
            taken += sum(count_tokens(f"10 Agent: {turn.text}\n") for turn in example.turns)
        assert context is not None
        yield turns, context


def table(report: Mapping[str, Any]) -> Table:
    """Return the figures as a table, the documents' beside them."""
    options = report["options"]
    caption = (
        "calls an hour and cost by CPU time of the process; a machine hour costs "
        f"${options['price']:g}; last rows: the documents' figures"
    )
    title = f"a call of {options['tokens']} tokens, {options['threads']} thread(s)"
    result = Table(title=title, caption=caption)
    result.add_column("form")
    for column in (
        "MB", "load s", "memory MB", "p50 s", "p95 s", "CPU p50 s", "CPU p95 s", "prompt tok/s",
        "answer tok/s", "answer tok", "core", "calls/h", "$/1,000",
    ):  # fmt: skip
        result.add_column(column, justify="right")
    for row in report["rows"]:
        result.add_row(
            row["form"],
            f"{row['size_mb']:.0f}",
            f"{row['load_s']:.1f}",
            f"{row['memory_mb']:.0f}",
            *(f"{row[key][p]:.2f}" for key in ("s", "cpu_s") for p in ("p50", "p95")),
            f"{row['prompt_tokens_a_second']:.0f}",
            f"{row['answer_tokens_a_second']:.0f}",
            f"{row['answer_tokens']['p50']:.0f}",
            f"{row['share_of_core']:.2f}",
            f"{row['calls_an_hour']:,}",
            f"${row['dollars_for_1000']:.3f}",
        )
    for name, latency, dollars in DOCUMENTED:
        result.add_row(name, "", "", "", latency, *[""] * 8, dollars)
    return result

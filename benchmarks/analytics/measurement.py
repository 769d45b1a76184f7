"""Measure what a call costs a language model on a CPU: time, memory, money."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from rich.table import Table

from benchmarks.analytics.process import MEGABYTE, cpu_seconds, memory_mb
from benchmarks.core.report import base_name, prepare_folder, save_report
from benchmarks.core.spread import percentiles
from models.analytics.answer_parts import MAX_TURNS
from models.analytics.backends.llama import LlamaBackend, LlamaOptions
from models.analytics.backends.onnx import OnnxBackend, OnnxOptions
from models.analytics.backends.protocol import Backend
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
    from collections.abc import Iterator, Sequence

    from models.analytics.turns import SpokenTurn, TemporalContext

    Call = tuple[Sequence[SpokenTurn], TemporalContext]

DIGITS = 3
HOUR_S = 3_600
NOISE_SHARE = 0.3  # of the calls, as a recognizer writes them
DOCUMENTED = (  # of the documents that this was built by: latency, cost of 1,000 calls
    ("large model behind an API, the slower", "5-8 s", "$40.00"),
    ("large model behind an API, the faster", "3-5 s", "$24.00"),
    ("fine-tuned Mistral 7B", "0.5-1 s", "$0.50"),
)


class AnalyticsOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure.

    Attributes:
        base: Name in the catalogue, or a GGUF file.
        adapter: LoRA as a GGUF file; None without.
        tokens: Of the prompt of a call, what the chat template adds left out.
        calls: Measured calls of each form.
        threads: Of each back-end.
        price: Of a machine hour with so many cores, in dollars.
        has_eight_bit: Whether to measure llama.cpp with the base as Q8_0 too.
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
        forms = {"onnx, 8 bits": _Form(base, partial(_on_onnx, cache=Path(name) / "converted"))}
        forms["llama, as fetched"] = _Form(base, _on_llama)
        if options.has_eight_bit:
            progress.update(row, description="writing Q8_0")
            forms["llama, Q8_0"] = _Form(Path(name) / "base.gguf", _on_llama)
            fuse_gguf(None, base, forms["llama, Q8_0"].base, "Q8_0")
        rows = []
        for title, form in forms.items():
            progress.update(row, description=title, total=options.calls, completed=0)
            rows.append(_measure(title, form, options, lambda: progress.advance(row)))
    adapter = base_name(options.adapter) if options.adapter else ""
    about = {
        **msgspec.structs.asdict(options),
        "base": base_name(options.base),
        "adapter": adapter,
    }
    return save_report("analytics", {"options": about, "rows": rows}, out)


class _Opened(NamedTuple):
    """A back-end and the process that runs its model."""

    backend: Backend
    process: int


class _Form(NamedTuple):
    """A base model and the back-end that runs it."""

    base: Path
    open: Callable[[Path, AnalyticsOptions], _Opened]


def _on_onnx(base: Path, options: AnalyticsOptions, *, cache: Path) -> _Opened:
    chosen = OnnxOptions(
        base=base,
        adapter=options.adapter,
        cache=cache,
        threads=options.threads,
        context_tokens=_context(options),
        timeout_s=HOUR_S,
    )
    return _Opened(OnnxBackend(chosen), os.getpid())


def _on_llama(base: Path, options: AnalyticsOptions) -> _Opened:
    chosen = LlamaOptions(
        base=base,
        adapter=options.adapter,
        threads=options.threads,
        context_tokens=_context(options),
        timeout_s=HOUR_S,
    )
    backend = LlamaBackend(chosen)
    return _Opened(backend, backend.process_id)


def _context(options: AnalyticsOptions) -> int:
    return options.tokens + TEMPLATE_TOKENS + max_answer_tokens(the_guide(), "codes", MAX_TURNS)


def _measure(
    title: str, form: _Form, options: AnalyticsOptions, advance: Callable[[], None]
) -> dict[str, Any]:
    own_mb, began = memory_mb(os.getpid()), time.perf_counter()
    form.open(form.base, options).backend.close()  # what is converted once, is converted then
    first_s, began = time.perf_counter() - began, time.perf_counter()
    backend, process = form.open(form.base, options)
    load_s = time.perf_counter() - began
    manifest = AnalyticsManifest(
        name=title,
        format=FORMAT,
        file="",
        sha256="",
        base=str(form.base),
        guide_file="",
        max_prompt_tokens=options.tokens,
    )
    analyst = Analyst(title, the_guide(), manifest, backend)
    try:
        analyst.check()
        samples = []
        for call in long_calls(options.calls, options.tokens, backend.count_tokens):
            samples.append(_sample(analyst, process, call))
            advance()
        memory = memory_mb(process) - (own_mb if process == os.getpid() else 0.0)
    finally:
        backend.close()
    about = {
        "form": title,
        "size_mb": round(form.base.stat().st_size / MEGABYTE, 1),
        "first_load_s": round(first_s, 2),
        "load_s": round(load_s, 2),
        "memory_mb": round(memory, 1),
    }
    return {**about, **_figures(samples, options)}


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
    """Return a column for each form of the base, and one for each row of the documents' table."""
    options, rows = report["options"], report["rows"]
    result = Table(
        title=f"a call of {options['tokens']} tokens, {options['threads']} thread(s)",
        caption=f"calls an hour and cost by CPU time; a machine hour costs ${options['price']:g}",
    )
    result.add_column("")
    for title in (*(row["form"] for row in rows), *(name for name, *_ in DOCUMENTED)):
        result.add_column(title, justify="right")
    for name, text in _LINES.items():
        cells = [text(row) for row in rows]
        documents = {"clock p50, p95": 1, "cost of 1,000 calls": 2}.get(name)
        others = [each[documents] if documents else "" for each in DOCUMENTED]
        result.add_row(name, *cells, *others)
    return result


def _pair(row: Mapping[str, Any], key: str) -> str:
    return f"{row[key]['p50']:.2f}, {row[key]['p95']:.2f} s"


_LINES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "file": lambda row: f"{row['size_mb']:.0f} MB",
    "memory": lambda row: f"{row['memory_mb']:.0f} MB",
    "first load, next loads": lambda row: f"{row['first_load_s']:.1f}, {row['load_s']:.1f} s",
    "clock p50, p95": lambda row: _pair(row, "s"),
    "CPU p50, p95": lambda row: _pair(row, "cpu_s"),
    "prompt p50, p95": lambda row: _pair(row, "prompt_s"),
    "answer p50, p95": lambda row: _pair(row, "answer_s"),
    "prompt tokens/s": lambda row: f"{row['prompt_tokens_a_second']:.0f}",
    "answer tokens/s": lambda row: f"{row['answer_tokens_a_second']:.0f}",
    "answer tokens p50": lambda row: f"{row['answer_tokens']['p50']:.0f}",
    "share of the core": lambda row: f"{row['share_of_core']:.2f}",
    "calls an hour": lambda row: f"{row['calls_an_hour']:,}",
    "cost of 1,000 calls": lambda row: f"${row['dollars_for_1000']:.3f}",
}

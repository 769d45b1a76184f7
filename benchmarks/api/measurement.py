"""Requests to `callstream serve` on one core, one after the other, from outside."""

from __future__ import annotations

import time
from contextlib import contextmanager
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
from rich.table import Table

from benchmarks.core.affinity import pinned_to, usable_cores
from benchmarks.core.report import prepare_folder, save_report
from benchmarks.core.spread import percentiles
from models.classification.manifest import load_classification_manifest
from models.console import WorkProgress
from models.text.encoder import load_tokenizer
from models.text.spoken_form import spoken_form
from schemas.errors import CallstreamError
from stream_app.analytics import load_models as load_analytics
from stream_app.api.server import run_server
from stream_app.classification import load_models
from stream_app.logs.logging import configure_logging
from stream_app.settings import load_settings, settings_from_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from multiprocessing.connection import Connection

    from tokenizers import Tokenizer

WARM_UP = 10
DIGITS = 2
SPECIAL_TOKENS = 2
BAR_TOKENS, BAR_P95_MS = 128, 60.0
PATH = "/classifier/classify"
SENTENCES = (
    "Hello, I am calling about a payment that I do not know.",
    "It was taken from my account on Monday, and it is not mine.",
    "I have looked at all of my receipts for that week.",
    "Can you tell me who it went to, and can I get it back?",
    "My card has never been out of the house since then.",
    "Somebody told me that I have to fill in a form for this.",
)


class ApiOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure.

    Attributes:
        label_set: Whose model answers.
        tokens: Lengths of the texts, special tokens included.
        rounds: Measured requests of each length.
    """

    label_set: str = "contact-centre"
    tokens: tuple[int, ...] = (32, 128, 512)
    rounds: int = 300


def measure(options: ApiOptions, *, out: Path) -> dict[str, Any]:
    """Return the delays of each length, and write ``api.json``.

    Raises:
        CallstreamError: The server does not start, or has no model of the label set.
    """
    prepare_folder(out)
    first, *others = usable_cores()
    with _server(first) as url, pinned_to(others or [first]), httpx.Client(base_url=url) as client:
        info = _model_info(client, options.label_set)
        tokenizer = _tokenizer(info["model_path"])
        texts = {tokens: text_of(tokens, tokenizer) for tokens in options.tokens}
        rows = _rows(client, texts, options)
    about = {**msgspec.to_builtins(options), "model": info["model"], "cores_of_server": 1}
    bars = [_bar(row) for row in rows if row["tokens"] == BAR_TOKENS]
    return save_report("api", {"options": about, "rows": rows, "bars": bars}, out)


def _rows(
    client: httpx.Client, texts: Mapping[int, str], options: ApiOptions
) -> list[dict[str, Any]]:
    """Return the delays of each text; the lengths take turns: what disturbs one disturbs all."""
    delays: dict[int, list[float]] = {tokens: [] for tokens in texts}
    with WorkProgress(transient=True) as progress:
        work = progress.add_task("requests", total=options.rounds)
        for number in range(WARM_UP + options.rounds):
            for tokens, text in texts.items():
                body = {"text_transcript": text, "label_set": options.label_set}
                delay_ms = _delay_ms(client, body)
                if number >= WARM_UP:
                    delays[tokens].append(delay_ms)
            if number >= WARM_UP:
                progress.advance(work)
    return [{"tokens": n, "ms": percentiles(each, DIGITS)} for n, each in delays.items()]


def table(report: Mapping[str, Any]) -> Table:
    """Return the delays as a table."""
    bars = "; ".join(
        f"p95 of {BAR_TOKENS} tokens {bar['p95_ms']:.1f} ms, at most {bar['at_most_ms']:g}: "
        f"{'met' if bar['is_met'] else 'missed'}"
        for bar in report["bars"]
    )
    title = f"{report['options']['model']}: one text over HTTP, one core, ms"
    result = Table(title=title, caption=bars)
    for column in ("tokens", "requests", "p50", "p95", "p99", "max"):
        result.add_column(column, justify="right")
    for row in report["rows"]:
        figures = row["ms"]
        delays = (f"{figures[name]:.2f}" for name in ("p50", "p95", "p99", "max"))
        result.add_row(str(row["tokens"]), str(figures["count"]), *delays)
    return result


def text_of(tokens: int, tokenizer: Tokenizer) -> str:
    """Return a text in sentences that has as many tokens as asked for, or a few less."""
    words: list[str] = []
    for word in cycle(" ".join(SENTENCES).split()):
        text = " ".join((*words, word))
        if len(tokenizer.encode(spoken_form(text), add_special_tokens=False).ids) > (
            tokens - SPECIAL_TOKENS
        ):
            return " ".join(words)
        words.append(word)
    raise AssertionError


@contextmanager
def _server(core: int) -> Iterator[str]:
    """Run the server on one core, as `callstream serve` does; yield its URL."""
    settings = load_settings().replace(api={"port": 0})
    spawning = get_context("spawn")
    receiving, sending = spawning.Pipe(duplex=False)
    process = spawning.Process(target=_serve, args=(settings.model_dump_json(), sending))
    with pinned_to([core]):  # a process inherits the cores of the thread that starts it
        process.start()
    sending.close()
    try:
        yield receiving.recv()
    except EOFError as error:
        raise CallstreamError("the server did not start; `callstream serve` says why") from error
    finally:
        process.terminate()
        process.join()


def _serve(settings_json: str, sending: Connection) -> None:
    settings = settings_from_json(settings_json)
    configure_logging(settings.worker.log_level, settings.worker.log_format)
    run_server(
        settings,
        lambda: load_models(settings.classification),
        lambda: load_analytics(settings.analytics),
        sending.send,
    )


def _model_info(client: httpx.Client, label_set: str) -> dict[str, Any]:
    models = client.get("/ready").json()["models"]
    info: dict[str, Any] = models.get(label_set) or {"loaded": False, "error": "no such label set"}
    if not info["loaded"]:
        raise CallstreamError(f"the label set {label_set!r} has no model: {info['error']}")
    return info


def _tokenizer(manifest: str) -> Tokenizer:
    path = Path(manifest)
    return load_tokenizer(path.parent / load_classification_manifest(path).tokenizer_file)


def _delay_ms(client: httpx.Client, body: Mapping[str, str]) -> float:
    began = time.perf_counter()
    answer = client.post(PATH, json=body)
    delay_ms = (time.perf_counter() - began) * 1e3
    if answer.status_code != httpx.codes.OK:
        raise CallstreamError(f"the server answers {answer.status_code}: {answer.text}")
    return delay_ms


def _bar(row: Mapping[str, Any]) -> dict[str, Any]:
    p95_ms = row["ms"]["p95"]
    return {"p95_ms": p95_ms, "at_most_ms": BAR_P95_MS, "is_met": p95_ms <= BAR_P95_MS}

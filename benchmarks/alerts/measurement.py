"""Finalized calls through broker and `classify`, and when their alerts can be read."""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from aiokafka import TopicPartition
from rich.table import Table

from benchmarks.alerts.calls import call_of, urgent_phrase
from benchmarks.core.affinity import pin_process, pinned_to, usable_cores
from benchmarks.core.report import prepare_folder, save_report
from benchmarks.core.spread import percentiles
from models.console import WorkProgress
from schemas import catalogue
from schemas.errors import CallstreamError
from schemas.operations import Alert
from stream_app.calls.classify.classified import AGENT
from stream_app.classification import load_models
from stream_app.settings import load_settings
from stream_app.transport.broker import EmbeddedBroker, adapt_to_broker
from stream_app.transport.clients import create_reader, start_producer
from stream_app.transport.topics import create_topics
from stream_app.worker.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from aiokafka import AIOKafkaProducer

    from stream_app.settings import KafkaSettings, Settings
    from stream_app.transport.clients import TopicReader

READY_TIMEOUT_S = 60.0
ALERT_TIMEOUT_S = 60.0
POLL_MS = 10
DIGITS = 0
MS = 1_000
BARS_MS = {4_500: 1_000.0, 27_000: 5_000.0}  # by words: of half an hour, of three hours
SHORT_WORDS = 100


class AlertsOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure.

    Attributes:
        label_set: That serves the calls.
        words: Lengths of the calls, both parties together.
        rounds: Measured calls of each length.
        beside: Calls of 100 words that are finalized just before each measured one.
        bootstrap: Brokers to use; the embedded one where empty.
    """

    label_set: str = "contact-centre"
    words: tuple[int, ...] = (100, 4_500, 27_000)
    rounds: int = 10
    beside: int = 8
    bootstrap: str = ""


def measure(options: AlertsOptions, *, out: Path) -> dict[str, Any]:
    """Return the delays of each length, and write ``alerts.json``.

    Raises:
        CallstreamError: Broker or agent do not start, the label set has no model or no rule that
            raises an alert, or an alert does not come.
    """
    prepare_folder(out)
    settings = load_settings().replace(
        classification={"label_set": options.label_set}, metrics={"port": 0}
    )
    model, phrase, kind = _urgent(settings, options.label_set)
    with _running(settings, options.bootstrap) as kafka:
        delays = asyncio.run(_delays(kafka, options, phrase, kind))
    about = {**msgspec.to_builtins(options), "model": model}
    rows = [{"words": words, "ms": percentiles(each, DIGITS)} for words, each in delays.items()]
    return save_report("alerts", {"options": about, "rows": rows, "bars": _bars(delays)}, out)


def _urgent(settings: Settings, label_set: str) -> tuple[str, str, str]:
    """Return the name of a label set's model, a phrase that raises an alert, and its kind."""
    models = load_models(settings.classification)
    serving = models.of(label_set)
    if serving.classifier is None:
        raise CallstreamError(f"{label_set!r} has no model: {models.missing().get(label_set)}")
    try:
        return serving.classifier.name, *urgent_phrase(serving.label_set)
    except ValueError as error:
        raise CallstreamError(str(error)) from error


@contextmanager
def _running(settings: Settings, bootstrap: str) -> Iterator[KafkaSettings]:
    """Run the agent on a core of its own, and a broker where none is named."""
    first, *others = usable_cores()
    with ExitStack() as stack, pinned_to(others or [first]):
        if bootstrap:
            settings = settings.replace(kafka={"bootstrap_servers": bootstrap})
            settings = asyncio.run(adapt_to_broker(settings))
        else:
            settings = stack.enter_context(EmbeddedBroker()).settings(settings)
        asyncio.run(create_topics(settings.kafka))
        log = stack.enter_context(tempfile.TemporaryFile())
        supervisor = stack.enter_context(Supervisor(settings, [AGENT], log_file=log))
        supervisor.wait_ready(READY_TIMEOUT_S)
        for pid in supervisor.pids(AGENT):
            pin_process(pid, [first])
        yield settings.kafka


def table(report: Mapping[str, Any]) -> Table:
    """Return the delays as a table."""
    options = report["options"]
    bars = "; ".join(
        f"{bar['words']} words within {bar['at_most_ms']:g} ms: {bar['held']} of {bar['calls']}"
        for bar in report["bars"]
    )
    title = (
        f"{options['model']}: from the finalized call to its alert, with {options['beside']} short "
        "calls just before, ms"
    )
    result = Table(title=title, caption=bars)
    for column in ("words", "calls", "p50", "p95", "max"):
        result.add_column(column, justify="right")
    for row in report["rows"]:
        figures = row["ms"]
        result.add_row(
            str(row["words"]),
            str(figures["count"]),
            *(f"{figures[name]:.0f}" for name in ("p50", "p95", "max")),
        )
    return result


def _bars(delays: Mapping[int, list[float]]) -> list[dict[str, Any]]:
    return [
        {
            "words": words,
            "at_most_ms": BARS_MS[words],
            "held": sum(each <= BARS_MS[words] for each in found),
            "calls": len(found),
        }
        for words, found in delays.items()
        if words in BARS_MS
    ]


async def _delays(
    kafka: KafkaSettings, options: AlertsOptions, phrase: str, kind: str
) -> dict[int, list[float]]:
    """Return the delays of each length (ms); the lengths take turns."""
    found: dict[int, list[float]] = {words: [] for words in options.words}
    producer, reader = await start_producer(kafka), create_reader(kafka)
    await reader.start()
    try:
        places = [TopicPartition(catalogue.ALERTS, n) for n in range(kafka.partitions)]
        reader.assign(places)
        for place in places:
            reader.seek(place, 0)
        with WorkProgress(transient=True) as progress:
            work = progress.add_task("calls", total=options.rounds * len(found))
            for number, words in _order(options):
                call_id = f"alert-{time.time_ns()}-{words}"
                for short in range(options.beside):
                    await _send(producer, f"{call_id}-beside-{short}", SHORT_WORDS)
                sent_at_s = await _send(producer, call_id, words, phrase)
                await _alert(reader, call_id, kind)
                if number >= 0:
                    found[words].append((time.monotonic() - sent_at_s) * MS)
                    progress.advance(work)
    finally:
        await reader.stop()
        await producer.stop()
    return found


def _order(options: AlertsOptions) -> Iterator[tuple[int, int]]:
    """Yield number of the round and words; the round before the first one warms up."""
    for number in range(-1, options.rounds):
        for words in options.words:
            yield number, words


async def _send(producer: AIOKafkaProducer, call_id: str, words: int, phrase: str = "") -> float:
    """Write a finalized call; return when it was durable (monotonic, s)."""
    call = call_of(call_id, words, phrase)
    value = catalogue.encode(call)
    await producer.send_and_wait(catalogue.FINALIZED, value, key=call_id.encode())
    return time.monotonic()


async def _alert(reader: TopicReader, call_id: str, kind: str) -> None:
    """Wait for the alert of a call.

    Raises:
        CallstreamError: It does not come.
    """
    until_s = time.monotonic() + ALERT_TIMEOUT_S
    while time.monotonic() < until_s:
        batches = await reader.getmany(timeout_ms=POLL_MS)
        for record in (each for batch in batches.values() for each in batch):
            message = catalogue.decode(catalogue.ALERTS, record.value)
            if isinstance(message, Alert) and (message.call_id, message.kind) == (call_id, kind):
                return
    raise CallstreamError(f"the call {call_id} raised no alert within {ALERT_TIMEOUT_S:g} s")

"""Measure the checkpoints of a day of calls: what is written, and what a takeover costs.

The bundled call goes through the state machines of all agents once; what they would have written
at the present pace makes a log as compaction leaves it: a closed call is one record, the records
of the last stretch are all there. Each agent then loads all partitions in a process of its own.
"""

import asyncio
import multiprocessing
import secrets
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec
import psutil
from faust.types import TP
from rich.table import Table

from benchmarks.core.report import save_report
from benchmarks.core.spread import spread_of
from benchmarks.live.system import AGENTS
from benchmarks.turn_timing.calls.demo import read_demo_call
from benchmarks.turn_timing.calls.lanes import audio_messages
from schemas import catalogue
from schemas.operations import Checkpoint
from stream_app.agents.definition import AgentDefinition
from stream_app.agents.registry import define_agent
from stream_app.calls.effects import Commit, Emit, Infer
from stream_app.runtime.memory.checkpoints import CheckpointStore
from stream_app.runtime.memory.sessions import PartitionSession
from stream_app.settings import KafkaSettings, Settings, settings_from_json
from stream_app.transport import topics
from stream_app.transport.broker import EmbeddedBroker
from stream_app.transport.clients import TopicProducer, create_producer

MIB = 2**20
CALL_S = 300
DAY_S = 24 * 3600
SAMPLE_S = 0.005
PRODUCED_TOGETHER = 2_000

Timed = tuple[int, Any]  # when, in the time of the call (ms); what
Committed = tuple[int, Checkpoint, bool]  # when; what; whether it follows an output


@dataclass(frozen=True)
class CheckpointOptions:
    """What is on the topic.

    Attributes:
        calls_at_once: All day long, five minutes each.
        days: Of closed calls.
        uncleaned_s: The last stretch of the log, that compaction has not seen.
        rounds: Loads of each agent.
    """

    recording: Path
    calls_at_once: int = 64
    days: int = 1
    uncleaned_s: int = 3600
    rounds: int = 3

    @property
    def closed_calls(self) -> int:
        """How many calls the days have."""
        return self.calls_at_once * self.days * DAY_S // CALL_S


def measure_checkpoints(options: CheckpointOptions, out: Path) -> dict[str, Any]:
    """Return the figures, and write them to ``<out>/checkpoints.json``."""
    settings = Settings()
    recorded = _recorded(options.recording, settings)
    written = {
        agent: list(_paced(timed, settings.kafka.checkpoint_interval_s))
        for agent, timed in recorded.items()
    }
    with EmbeddedBroker() as broker:
        ready = broker.settings(settings)
        log = asyncio.run(_fill(ready.kafka, written, options))
        loads = {agent: _loads(ready, agent, options.rounds) for agent in AGENTS}
    figures = {
        "interval_s": settings.kafka.checkpoint_interval_s,
        "calls_at_once": options.calls_at_once,
        "days": options.days,
        "uncleaned_s": options.uncleaned_s,
        "written": {agent: _rate(recorded[agent], written[agent]) for agent in AGENTS},
        "log": log,
        "loads": loads,
    }
    return save_report("checkpoints", figures, out)


def table(report: Mapping[str, Any]) -> Table:
    """Return the figures of a report for the terminal."""
    log = report["log"]
    title = f"{log['records']:,} records, {log['bytes'] / MIB:.0f} MiB of values"
    rows = Table("agent", "commits/min", "written/min", "bytes", "load s", "MiB", title=title)
    for agent, load in report["loads"].items():
        rate = report["written"][agent]
        seconds, mib = (f"{load[k]['median']:.1f}" for k in ("seconds", "peak_mib"))
        rows.add_row(
            agent,
            f"{rate['commits_a_minute']:.0f}",
            f"{rate['written_a_minute']:.0f}",
            f"{rate['mean_bytes']:.0f}",
            seconds,
            mib,
        )
    return rows


def _recorded(recording: Path, settings: Settings) -> dict[str, list[Committed]]:
    """Return the checkpoints that each agent commits of a call, with their time."""
    call = read_demo_call(recording)
    assert call.audio is not None
    *spoken, ended = audio_messages(call, call.audio)
    messages: list[Timed] = [(getattr(message, "start_ms", 0), message) for message in spoken]
    messages.append((call.duration_ms, ended))
    recorded = {}
    for agent in AGENTS:
        messages, recorded[agent] = _run(define_agent(agent, settings), messages)
    return recorded


def _run(
    definition: AgentDefinition, messages: Sequence[Timed]
) -> tuple[list[Timed], list[Committed]]:
    """Return what an agent makes of a call and what it commits, each with the time."""
    machine = definition.create(messages[0][1].call_id)
    outputs: list[Timed] = []
    commits: list[Committed] = []
    told = 0
    for offset, (at_ms, message) in enumerate(messages):
        pending: list[Any] = list(machine.feed(message, offset))
        while pending:
            effect = pending.pop(0)
            if isinstance(effect, Emit) and not effect.is_volatile:
                outputs.append((at_ms, effect.message))
            elif isinstance(effect, Commit) and effect.checkpoint is not None:
                commits.append((at_ms, effect.checkpoint, len(outputs) > told))
                told = len(outputs)
            elif isinstance(effect, Infer) and effect.is_urgent and definition.infer is not None:
                pending += machine.resolve(definition.infer([effect.request])[0])
    return outputs, commits


def _paced(commits: Iterable[Committed], interval_s: float) -> Iterator[Timed]:
    """Yield what the outbox writes of commits: the last one of each interval, and the closing.

    An interval ends with an output.
    """
    due_ms: float | None = None
    last: Timed | None = None
    for at_ms, checkpoint, follows_output in commits:
        if last is not None and due_ms is not None and at_ms > due_ms:
            yield last
            due_ms = None
        last = (at_ms, checkpoint)
        own_ms = at_ms if follows_output else at_ms + interval_s * 1000
        due_ms = own_ms if due_ms is None else min(due_ms, own_ms)
    if last is not None:
        yield last


def _rate(commits: Sequence[Committed], written: Sequence[Timed]) -> dict[str, float]:
    minutes = written[-1][0] / 60_000
    sizes = [len(msgspec.json.encode(checkpoint)) for _, checkpoint in written]
    return {
        "commits_a_minute": len(commits) / minutes,
        "written_a_minute": len(written) / minutes,
        "mean_bytes": sum(sizes) / len(sizes),
        "closed_bytes": sizes[-1],
    }


async def _fill(
    kafka: KafkaSettings, written: Mapping[str, Sequence[Timed]], options: CheckpointOptions
) -> dict[str, int]:
    await topics.create_topics(kafka)
    stores = {agent: CheckpointStore(kafka, agent, secrets.token_hex(4)) for agent in AGENTS}
    producer = create_producer(kafka, linger_ms=20)
    await producer.start()
    sent = {"records": 0, "bytes": 0, "closed_calls": options.closed_calls}
    try:
        for number, (agent, call_id, checkpoint) in enumerate(_log(written, options)):
            named = msgspec.structs.replace(checkpoint, call_id=call_id)
            key, value = stores[agent].encode(named)
            partition = hash(call_id) % kafka.partitions
            await _send(producer, key, value, partition)
            sent["records"] += 1
            sent["bytes"] += len(value)
            if number % PRODUCED_TOGETHER == 0:
                await asyncio.sleep(0)
    finally:
        await producer.stop()
    return sent


async def _send(producer: TopicProducer, key: bytes, value: bytes, partition: int) -> None:
    await producer.send(catalogue.CHECKPOINTS, value, key=key, partition=partition)


def _log(
    written: Mapping[str, Sequence[Timed]], options: CheckpointOptions
) -> Iterator[tuple[str, str, Checkpoint]]:
    """Yield agent, call and checkpoint of every record, in the order of the log."""
    recent = options.calls_at_once * options.uncleaned_s // CALL_S
    for number in range(options.closed_calls - recent):
        for agent in AGENTS:
            yield agent, f"day/{number:08d}~r1", written[agent][-1][1]
    for first in range(0, recent, options.calls_at_once):
        is_last = first + options.calls_at_once >= recent
        for at_ms, agent, checkpoint in _whole_call(written, is_closed=not is_last):
            del at_ms
            for number in range(first, min(first + options.calls_at_once, recent)):
                yield agent, f"hour/{number:08d}~r1", checkpoint


def _whole_call(
    written: Mapping[str, Sequence[Timed]], *, is_closed: bool
) -> list[tuple[int, str, Checkpoint]]:
    """Return what all agents write of a call of five minutes, made of repetitions."""
    records: list[tuple[int, str, Checkpoint]] = []
    for agent, timed in written.items():
        *open_ones, (length_ms, closing) = timed
        for start_ms in range(0, CALL_S * 1000, length_ms):
            records += [
                (start_ms + at_ms, agent, checkpoint)
                for at_ms, checkpoint in open_ones
                if start_ms + at_ms < CALL_S * 1000 and (agent != "finalize" or not start_ms)
            ]
        if is_closed:
            records.append((CALL_S * 1000, agent, closing))
    return sorted(records, key=lambda record: record[0])


def _loads(settings: Settings, agent: str, rounds: int) -> dict[str, Any]:
    results = []
    for _ in range(rounds):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            results.append(pool.submit(_load, settings.model_dump_json(), agent).result())
    return {
        "seconds": spread_of([seconds for seconds, *_ in results]),
        "peak_mib": spread_of([peak for _, peak, *_ in results]),
        "open_calls": results[0][2],
        "closed_calls": results[0][3],
    }


def _load(settings_json: str, agent: str) -> tuple[float, float, int, int]:
    """Return seconds and MiB of a load of all partitions, and how many calls it brought."""
    kafka = settings_from_json(settings_json).kafka
    store = CheckpointStore(kafka, agent, "benchmark", kept_ms=catalogue.LONGEST_MEMORY_MS)
    with _PeakMemory() as memory:
        began_s = time.monotonic()
        found = asyncio.run(store.load(range(kafka.partitions)))
        sessions = [PartitionSession(TP(agent, n), 1, lambda _: None) for n in found]
        for session, saved in zip(sessions, found.values(), strict=True):
            session.restore(saved, lambda checkpoint: checkpoint)  # type: ignore[arg-type, return-value]
        seconds = time.monotonic() - began_s
    closed = sum(len(saved.closed) for saved in found.values())
    return seconds, memory.peak / MIB, sum(len(saved.open) for saved in found.values()), closed


class _PeakMemory:
    """The most that this process grows by while the context lasts, in bytes, looked at often."""

    def __init__(self) -> None:
        self.peak = 0
        self._process = psutil.Process()
        self._before = self._process.memory_info().rss
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._is_over.wait(SAMPLE_S):
            self._look()

    def _look(self) -> None:
        self.peak = max(self.peak, self._process.memory_info().rss - self._before)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look once more and stop."""
        self._look()
        self._is_over.set()
        self._thread.join()

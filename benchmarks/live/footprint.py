"""Measure what live calls cost: CPU of each agent, the models' share of it, memory.

The system runs as in production, on the embedded broker: one process per agent, calls replayed
at real-time speed. CPU and memory are read from the operating system, from outside; the time in
the models comes from the agent's own metrics.
"""

import asyncio
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.core.plots import new_figure, save_figure
from benchmarks.core.report import save_report
from benchmarks.live.system import AGENTS, free_ports
from models.console import text_console
from schemas.catalogue import AUDIO
from stream_app.agents.registry import PORTS_PER_ROUND
from stream_app.replay.discovery import find_recordings
from stream_app.replay.pacer import SystemClock
from stream_app.replay.plan import mint_run, plan_calls
from stream_app.replay.publisher import open_publisher
from stream_app.replay.session import Replay, ReplayOptions
from stream_app.settings import Settings, load_settings
from stream_app.terminal.replay_progress import ReplayProgress
from stream_app.transport.broker import EmbeddedBroker
from stream_app.transport.topics import create_topics
from stream_app.worker.supervisor import Supervisor

SAMPLE_EVERY_S = 0.5
SETTLE_S = 5.0  # after the last chunk, for the last finals
MB = 1_000_000


@dataclass(slots=True)
class Usage:
    """What an agent's process used while the calls ran."""

    cpu_s: float = 0.0
    peak_mb: float = 0.0
    _first_cpu_s: float = field(default=-1.0)

    def sample(self, process: psutil.Process) -> None:
        """Read the process once more."""
        times = process.cpu_times()
        total_s = times.user + times.system
        if self._first_cpu_s < 0:
            self._first_cpu_s = total_s
        self.cpu_s = total_s - self._first_cpu_s
        self.peak_mb = max(self.peak_mb, process.memory_info().rss / MB)


def measure_footprint(recording: Path, calls: Sequence[int], out: Path) -> dict[str, Any]:
    """Return the figures for each number of calls at once, and write them to ``out``.

    Args:
        recording: A call; every call of a run is a copy of it.
        calls: Numbers of calls at once, one run each.
        out: Folder for ``footprint.json`` and ``footprint.png``.
    """
    runs = [asyncio.run(_run(recording, count)) for count in calls]
    report = save_report("footprint", {"runs": runs}, out)
    plot(runs, out / "footprint.png")
    return report


async def _run(recording: Path, calls: int) -> dict[str, Any]:
    settings = load_settings().replace(metrics={"port": free_ports(PORTS_PER_ROUND)})
    with EmbeddedBroker() as broker:
        settings = broker.settings(settings)
        await create_topics(settings.kafka)
        with Supervisor(settings, AGENTS) as supervisor:
            await asyncio.to_thread(supervisor.wait_ready)
            usage = {name: Usage() for name in AGENTS}
            sampling = asyncio.create_task(_sample(supervisor, usage))
            audio_s = await _replay(settings, recording, calls)
            await asyncio.sleep(SETTLE_S)
            sampling.cancel()
            models_s = _models_cpu_s(settings)
    return _figures(calls, audio_s, usage, models_s)


async def _sample(supervisor: Supervisor, usage: dict[str, Usage]) -> None:
    processes = {name: psutil.Process(supervisor.pid(name)) for name in usage}
    while True:
        for name, process in processes.items():
            usage[name].sample(process)
        await asyncio.sleep(SAMPLE_EVERY_S)


async def _replay(settings: Settings, recording: Path, calls: int) -> float:
    """Return the seconds of audio that were replayed, all channels of a call counted once."""
    planned = plan_calls(
        find_recordings([recording], extra_suffixes=frozenset()).recordings,
        run=mint_run(),
        copies=calls,
    )
    options = ReplayOptions(speed=1.0, concurrency=calls)
    with ReplayProgress(text_console(stderr=True), len(planned)) as progress:
        async with open_publisher(settings.kafka, AUDIO) as publisher:
            replay = Replay(options, publisher, clock=SystemClock(), listener=progress)
            outcomes = await replay.run(planned)
    return sum(outcome.audio_ms for outcome in outcomes) / 1000


def _figures(
    calls: int, audio_s: float, usage: dict[str, Usage], models_s: tuple[float, float]
) -> dict[str, Any]:
    total_s = sum(agent.cpu_s for agent in usage.values())
    inference_s, vad_s = models_s
    return {
        "calls": calls,
        "audio_s": round(audio_s, 1),
        "cpu_s_per_audio_s": round(total_s / audio_s, 4),
        "share_outside_models": round(1 - (inference_s + vad_s) / total_s, 4),
        "recognizer_cpu_s": round(inference_s, 2),
        "vad_cpu_s": round(vad_s, 2),
        "agents": {
            name: {"cpu_s": round(agent.cpu_s, 2), "peak_mb": round(agent.peak_mb)}
            for name, agent in usage.items()
        },
    }


def _models_cpu_s(settings: Settings) -> tuple[float, float]:
    """Return the CPU time of the recognizer and of the voice activity detection so far."""
    url = f"http://{settings.metrics.host}:{settings.metrics.port}/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:
        lines = answer.read().decode().splitlines()

    def total(name: str) -> float:
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    return (
        total("callstream_inference_cpu_seconds_total"),
        total("callstream_feed_model_cpu_seconds_total"),
    )


def plot(runs: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw CPU and memory by agent for each run."""
    figure, (cpu, memory) = new_figure(2)
    positions = np.arange(len(runs))
    bottom = np.zeros(len(runs))
    for name in runs[0]["agents"]:
        shares = [run["agents"][name]["cpu_s"] / run["audio_s"] for run in runs]
        cpu.bar(positions, shares, bottom=bottom, label=name)
        memory.plot(positions, [run["agents"][name]["peak_mb"] for run in runs], "o-", label=name)
        bottom += shares
    for axes, title in ((cpu, "CPU s per s of call"), (memory, "peak memory, MB")):
        axes.set_xticks(positions, [f"{run['calls']} calls" for run in runs])
        axes.set_title(title)
        axes.legend(fontsize="small")
    save_figure(figure, path)

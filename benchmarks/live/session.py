"""Set up what every benchmark of live calls needs, and tear it down whatever happens."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.progress import Progress, SpinnerColumn, TimeElapsedColumn

from benchmarks.core.affinity import pinned_to
from benchmarks.live.call_copies import CallCopy, make_copies
from benchmarks.live.figures import live_figures
from benchmarks.live.real_call import make_real_call
from benchmarks.live.run import Observation, RunOptions, play_calls
from benchmarks.live.system import LiveSystem
from models.console import WorkProgress, description_column
from stream_app.cli.running import quiet_libraries
from stream_app.settings import load_settings

WARM_UP = RunOptions(calls=2, seconds=8.0, stagger_s=0.5)
LEAST_SECONDS = 8.0


class LiveOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What benchmarks of live calls share.

    Attributes:
        recording: With its reference beside it; calls are copies of it.
        seconds: Length of each call.
        bootstrap: A broker to use; the embedded one without it.
        transcribe_processes: How many processes recognise.
        model: Weights; empty is what the settings say.
        data: Folder of public data; calls are made of its real speech, not of the recording.
    """

    recording: Path
    seconds: float
    bootstrap: str = ""
    transcribe_processes: int = 1
    model: str = ""
    data: Path | None = None


@dataclass(slots=True)
class LiveSession:
    """Broker and agents, warm, and the calls to play."""

    system: LiveSystem
    copies: list[CallCopy]
    progress: Progress
    options: LiveOptions

    async def run(self, calls: int) -> dict[str, Any]:
        """Return the figures of simultaneous calls; see `observe`."""
        return live_figures(await self.observe(calls))

    async def observe(self, calls: int) -> Observation:
        """Return what was seen of simultaneous calls; the agents are idle again afterwards."""
        length_s = self.options.seconds
        stagger_s = min(length_s / 4, 5.0)
        task = self.progress.add_task(f"{calls} calls, {length_s:g} s", total=None)
        run = RunOptions(calls=calls, seconds=length_s, stagger_s=stagger_s)
        seen = await play_calls(self.system, self.copies, run)
        if not seen.is_drained:
            await self.system.restart(self.progress.console.print)
        self.progress.remove_task(task)
        return seen

    @property
    def setup(self) -> dict[str, Any]:
        """What the figures depend on besides the machine."""
        return {
            "recording": "real speech" if self.options.data else self.options.recording.name,
            "seconds": self.options.seconds,
            **self.system.setup,
        }


@asynccontextmanager
async def live_session(options: LiveOptions) -> AsyncIterator[LiveSession]:
    """Yield broker and agents after a short warm-up call.

    Raises:
        CallstreamError: Something does not start, or the recording has no reference.
    """
    with tempfile.TemporaryDirectory() as folder, live_progress() as progress:
        recording = options.recording
        if options.data is not None:
            recording = make_real_call(options.data, Path(folder, "real"))
        copies = make_copies(recording, options.seconds, Path(folder, "calls"))
        short = make_copies(recording, WARM_UP.seconds, Path(folder, "warm-up"))
        async with running_system(
            options.model,
            progress,
            bootstrap=options.bootstrap,
            processes=options.transcribe_processes,
        ) as system:
            task = progress.add_task("warming up", total=None)
            await play_calls(system, short, WARM_UP)
            progress.remove_task(task)
            yield LiveSession(system, copies, progress, options)


def live_progress() -> Progress:
    """Return what shows on standard error what is being done; libraries are silent from now on."""
    quiet_libraries()
    columns = (SpinnerColumn(), description_column(), TimeElapsedColumn())
    return WorkProgress(*columns)


@asynccontextmanager
async def running_system(
    model: str, progress: Progress, *, bootstrap: str = "", processes: int = 1
) -> AsyncIterator[LiveSystem]:
    """Yield broker and agents, ready; this process keeps off the cores of `transcribe`.

    Args:
        model: Weights; empty is what the settings say.
        progress: Says what is being started.
        bootstrap: A broker to use; the embedded one without it.
        processes: Of `transcribe`.

    Raises:
        CallstreamError: Something does not start.
    """
    settings = load_settings()
    system = LiveSystem(
        settings.replace(asr={"model": model}) if model else settings,
        bootstrap=bootstrap,
        transcribe_processes=processes,
    )
    with pinned_to(system.other_cores), system:
        task = progress.add_task("starting", total=None)
        await system.prepare(lambda text: progress.update(task, description=text))
        progress.remove_task(task)
        yield system

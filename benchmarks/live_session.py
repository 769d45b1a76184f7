"""Set up what every benchmark of live calls needs, and tear it down whatever happens."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from benchmarks.affinity import pinned_to
from benchmarks.call_copies import CallCopy, make_copies
from benchmarks.footprint import measure_vad_frame
from benchmarks.live_figures import live_figures
from benchmarks.live_run import RunOptions, play_calls
from benchmarks.live_stage import LiveStage
from stream_app.cli.running import quiet_libraries
from stream_app.settings import Settings, load_settings

WARM_UP = RunOptions(calls=2, seconds=8.0, stagger_s=0.5)
LEAST_SECONDS = 8.0


class LiveOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What benchmarks of live calls share.

    Attributes:
        recording: With its reference beside it; calls are copies of it.
        seconds: Length of each call.
        bootstrap: A broker to use; the embedded one without it.
        transcribe_processes: How many processes recognise.
    """

    recording: Path
    seconds: float
    bootstrap: str = ""
    transcribe_processes: int = 1


@dataclass(slots=True)
class LiveSession:
    """Broker and agents, warm, and the calls to play."""

    stage: LiveStage
    copies: list[CallCopy]
    vad_frame_s: float
    progress: Progress
    options: LiveOptions

    async def run(self, calls: int) -> dict[str, Any]:
        """Return the figures of so many calls at once; the agents are idle again afterwards."""
        length_s = self.options.seconds
        stagger_s = min(length_s / 4, 5.0)
        task = self.progress.add_task(f"{calls} calls, {length_s:g} s", total=None)
        run = RunOptions(calls=calls, seconds=length_s, stagger_s=stagger_s)
        seen = await play_calls(self.stage, self.copies, run)
        if not seen.is_drained:
            await self.stage.restart(self.progress.console.print)
        self.progress.remove_task(task)
        return live_figures(seen, self.vad_frame_s)

    @property
    def setup(self) -> dict[str, Any]:
        """What the figures depend on besides the machine."""
        settings: Settings = self.stage.settings
        return {
            "recording": self.options.recording.name,
            "seconds": self.options.seconds,
            "broker": self.options.bootstrap or "embedded",
            "partitions": settings.kafka.partitions,
            "asr": settings.asr.model_dump(mode="json"),
            "segments": settings.segments.model_dump(mode="json"),
            "transcribe_processes": self.options.transcribe_processes,
            "transcribe_has_own_core": self.stage.has_own_core,
            "cores_of_transcribe": self.stage.own_cores,
            "cores_of_all_else": self.stage.other_cores,
            "vad_frame_us": round(self.vad_frame_s * 1e6, 1),
        }


@asynccontextmanager
async def live_session(options: LiveOptions) -> AsyncIterator[LiveSession]:
    """Yield broker and agents after a short warm-up call.

    Raises:
        CallstreamError: Something does not start, or the recording has no reference.
    """
    quiet_libraries()
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with tempfile.TemporaryDirectory() as folder, Progress(*columns, console=console) as progress:
        copies = make_copies(options.recording, options.seconds, Path(folder, "calls"))
        short = make_copies(options.recording, WARM_UP.seconds, Path(folder, "warm-up"))
        stage = LiveStage(
            load_settings(),
            bootstrap=options.bootstrap,
            transcribe_processes=options.transcribe_processes,
        )
        with pinned_to(stage.other_cores), stage:
            task = progress.add_task("starting", total=None)
            vad_frame_s = await asyncio.to_thread(measure_vad_frame)
            await stage.prepare(lambda text: progress.update(task, description=text))
            progress.update(task, description="warming up")
            await play_calls(stage, short, WARM_UP)
            progress.remove_task(task)
            yield LiveSession(stage, copies, vad_frame_s, progress, options)

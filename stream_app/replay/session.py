"""A replay of many calls at once."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from schemas.audio import AudioMessage
from schemas.errors import CallstreamError
from stream_app.replay.formats.readers import open_source
from stream_app.replay.formats.sources import AudioSource
from stream_app.replay.formats.suffixes import RawFormat
from stream_app.replay.pacer import Clock, Pacer
from stream_app.replay.plan import PlannedCall
from stream_app.replay.publisher import Publisher
from stream_app.replay.script import CallHeader, Step, call_ended, call_script, parties_of

_NS_PER_MS = 1_000_000
_END_TIMEOUT_S = 2.0  # for the end of an interrupted call


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """How calls are replayed.

    Attributes:
        speed: Times real time; None for as fast as possible.
        concurrency: Calls at once.
        raw: How to read files without a header.
        keeps_started_at: Whether a call whose context says when it began was captured then; if
            not, it is captured as it is replayed, which is what latencies are measured from.
    """

    speed: float | None = 1.0
    chunk_ms: int = 100
    concurrency: int = 10
    raw: RawFormat = field(default_factory=RawFormat)
    keeps_started_at: bool = False


@dataclass(frozen=True, slots=True)
class ReplayedCall:
    """The end of a call's replay.

    Attributes:
        audio_ms: Audio that was produced.
        notices: Lines that the user should see.
        problem: Why it failed; empty if it did not.
    """

    call_id: str
    audio_ms: int = 0
    notices: tuple[str, ...] = ()
    problem: str = ""


class ReplayListener(Protocol):
    """Follows the progress of a replay."""

    def started(self, call_id: str, total_ms: int | None) -> None:
        """A call begins; ``total_ms`` of audio are expected."""
        ...

    def advanced(self, call_id: str, audio_ms: int) -> None:
        """A call's audio up to ``audio_ms`` has been produced."""
        ...

    def finished(self, call: ReplayedCall) -> None:
        """A call is over."""
        ...


class Replay:
    """Replays calls to one publisher."""

    def __init__(
        self,
        options: ReplayOptions,
        publisher: Publisher,
        *,
        clock: Clock,
        listener: ReplayListener,
    ) -> None:
        self._options = options
        self._publisher = publisher
        self._clock = clock
        self._listener = listener

    async def run(self, calls: Iterable[PlannedCall]) -> list[ReplayedCall]:
        """Return the calls in the order in which they ended.

        Raises:
            BrokerError: Messages could not be produced; no call goes on.
        """
        waiting = iter(calls)
        replayed: list[ReplayedCall] = []
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(self._options.concurrency):
                    tasks.create_task(self._replay_next(waiting, replayed))
        except* CallstreamError as failures:
            raise failures.exceptions[0] from None
        await self._publisher.flush()
        return replayed

    async def _replay_next(
        self, calls: Iterator[PlannedCall], replayed: list[ReplayedCall]
    ) -> None:
        for call in calls:
            ended = await self._replay(call)
            replayed.append(ended)
            self._listener.finished(ended)

    async def _replay(self, call: PlannedCall) -> ReplayedCall:
        if call.problem:
            return ReplayedCall(call.call_id, problem=call.problem)
        try:
            source = open_source(call.recording.files, self._options.raw)
        except CallstreamError as error:
            return ReplayedCall(call.call_id, problem=str(error))
        with closing(source):
            return await self._replay_source(call, source)

    async def _replay_source(self, call: PlannedCall, source: AudioSource) -> ReplayedCall:
        files = " + ".join(str(path) for path in call.recording.files)
        try:
            parties = parties_of(source.format.channels, call.parties)
        except CallstreamError as error:
            return ReplayedCall(call.call_id, problem=f"{files}: {error}")
        sidecar = call.sidecar
        header = CallHeader(call.call_id, parties, sidecar.context, sidecar.events)
        self._listener.started(call.call_id, _duration_ms(source))
        script = _Script(call_script(source, header, self._options.chunk_ms))
        started_at_ns = sidecar.context.started_at_ns if self._options.keeps_started_at else 0
        pacer = Pacer(self._clock, self._options.speed, started_at_ns)
        audio_ms = await self._produce(script, call.call_id, pacer)
        problem = f"{files}: {script.problem}" if script.problem else ""
        return ReplayedCall(call.call_id, audio_ms, source.notices, problem)

    async def _produce(self, script: "_Script", call_id: str, pacer: Pacer) -> int:
        audio_ms, captured_at_ns = 0, self._clock.wall_ns()
        try:
            for step in script:
                captured_at_ns = await pacer.wait_for(step.due_ns)
                await self._publisher.publish(_stamped(step.message, captured_at_ns))
                audio_ms = step.due_ns // _NS_PER_MS
                self._listener.advanced(call_id, audio_ms)
        except asyncio.CancelledError:
            await self._end_interrupted(call_id, captured_at_ns)
            raise
        return audio_ms

    async def _end_interrupted(self, call_id: str, captured_at_ns: int) -> None:
        """End an interrupted call, so that no agent waits ten minutes for its audio."""
        ending = _stamped(call_ended(call_id, "failed"), captured_at_ns)
        try:
            async with asyncio.timeout(_END_TIMEOUT_S):
                await self._publisher.publish(ending)
        except (TimeoutError, CallstreamError):
            return


class _Script:
    """The steps of a call up to the first problem of its file, which is kept."""

    def __init__(self, steps: Iterator[Step]) -> None:
        self._steps = steps
        self.problem = ""

    def __iter__(self) -> Iterator[Step]:
        try:
            yield from self._steps
        except CallstreamError as error:
            self.problem = str(error)


def _stamped(message: AudioMessage, captured_at_ns: int) -> AudioMessage:
    return msgspec.structs.replace(message, captured_at_ns=captured_at_ns)


def _duration_ms(source: AudioSource) -> int | None:
    if source.frames is None:
        return None
    return source.frames * 1000 // source.format.sample_rate_hz

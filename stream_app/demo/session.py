"""One call through the running agents, followed from outside."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import stream_app
from models.text.word_errors import Reference, read_reference
from schemas import catalogue
from schemas.errors import AudioFormatError, BrokerError, CallstreamError
from stream_app.demo.report import Report, compare
from stream_app.live.call_view import CallView
from stream_app.live.following import RESULT_TOPICS, Arrival, Follower, follow
from stream_app.live.latencies import LatencyMeter
from stream_app.replay.discovery import find_recordings
from stream_app.replay.formats.readers import open_source
from stream_app.replay.pacer import SystemClock
from stream_app.replay.plan import PlannedCall, mint_run, plan_calls
from stream_app.replay.publisher import open_publisher
from stream_app.replay.session import Replay, ReplayedCall, ReplayOptions
from stream_app.settings import KafkaSettings
from stream_app.terminal.screen import Screen

_ASSETS = Path(stream_app.__file__).parent / "assets"
DEMO_CALL = _ASSETS / "demo_call" / "call.wav"  # synthetic, with an exact reference
REAL_CALL = _ASSETS / "real_call" / "call.wav"  # two people, without a reference
FOLLOWED_TOPICS = (catalogue.AUDIO, *RESULT_TOPICS, catalogue.DEAD_LETTERS)
SILENCE_LIMIT_S = 60.0  # without a message of the call: none will come any more


class Workers(Protocol):
    """The agents that process the call."""

    def check(self) -> None:
        """Do nothing while they run.

        Raises:
            CallstreamError: They cannot go on; the message says why.
        """
        ...


@dataclass(frozen=True, slots=True)
class DemoCall:
    """The call that the demo replays.

    Attributes:
        reference: Its exact transcript, if one lies beside it.
    """

    planned: PlannedCall
    reference: Reference | None


class _NoListener:
    """Ignores the progress of a replay whose messages are followed anyway."""

    def started(self, call_id: str, total_ms: int | None) -> None:
        """Ignore it."""

    def advanced(self, call_id: str, audio_ms: int) -> None:
        """Ignore it."""

    def finished(self, call: ReplayedCall) -> None:
        """Ignore it."""


def load_call(path: Path) -> DemoCall:
    """Return the call in ``path`` with what lies beside it, after a look into it.

    Raises:
        AudioFormatError: It cannot be replayed.
        ConfigurationError: Its reference transcript cannot be read.
    """
    recordings = find_recordings([path], extra_suffixes=frozenset()).recordings
    if len(recordings) != 1:
        raise AudioFormatError(f"{path}: name one recording")
    (planned,) = plan_calls(recordings, run=mint_run())
    if planned.problem:
        raise AudioFormatError(planned.problem)
    open_source(planned.recording.files).close()
    beside = (path.with_name(f"{path.stem}.reference.json"), path.with_name("reference.json"))
    found = next((candidate for candidate in beside if candidate.is_file()), None)
    return DemoCall(planned, read_reference(found) if found else None)


class DemoSession:
    """One call: replayed, followed, shown and measured.

    Args:
        call: What to replay.
        speed: Times real time; None for as fast as possible.
        screen: Where it is shown.
        has_insights: An agent writes what the call says of its service.
        now_s: A time that never jumps, to notice when no message comes any more.
    """

    def __init__(
        self,
        call: DemoCall,
        speed: float | None,
        screen: Screen,
        *,
        has_insights: bool = False,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._call = call
        self._speed = speed
        self._screen = screen
        self._has_insights = has_insights
        self._now_s = now_s
        self._last_arrival_s = now_s()
        self._dead_letters = 0
        self._meter = LatencyMeter(call.planned.call_id, speed)
        self.view = CallView(call.planned.call_id)

    async def run(self, kafka: KafkaSettings, workers: Workers) -> Report:
        """Return the report of the call once it is finalized.

        Raises:
            CallstreamError: The call cannot be replayed or processed to its end.
        """
        async with follow(kafka, FOLLOWED_TOPICS, is_from_beginning=True) as follower:
            replay = asyncio.create_task(self._replay(kafka))
            try:
                return await self._follow(follower, replay, workers)
            finally:
                replay.cancel()
                await asyncio.gather(replay, return_exceptions=True)

    async def _replay(self, kafka: KafkaSettings) -> None:
        options = ReplayOptions(speed=self._speed, concurrency=1)
        async with open_publisher(kafka, catalogue.AUDIO) as publisher:
            replay = Replay(options, publisher, clock=SystemClock(), listener=_NoListener())
            (replayed,) = await replay.run([self._call.planned])
        for notice in replayed.notices:
            self._screen.note(notice)
        if replayed.problem:
            raise AudioFormatError(replayed.problem)

    async def _follow(
        self, follower: Follower, replay: "asyncio.Task[None]", workers: Workers
    ) -> Report:
        self._last_arrival_s = self._now_s()
        while not self._is_answered:
            self.take(await follower.next_batch())
            workers.check()
            if replay.done() and (failure := replay.exception()) is not None:
                raise failure
            self._check_silence()
        self.take(await follower.next_batch())  # messages of other topics come a moment later
        return self.report()

    @property
    def _is_answered(self) -> bool:
        """Whether everything has come that the agents make of a call."""
        has_come = self.view.finalized is not None and self.view.classified is not None
        return has_come and (self.view.insights is not None or not self._has_insights)

    def take(self, arrivals: list[Arrival]) -> None:
        """Show and measure what has arrived."""
        for arrival in arrivals:
            self._last_arrival_s = self._now_s()
            self._dead_letters += arrival.topic == catalogue.DEAD_LETTERS
            if arrival.message is None:
                continue
            self._meter.feed(arrival.message, arrival.arrived_at_ns)
            self._screen.add(arrival, self.view.feed(arrival.message, arrival.arrived_at_ns))
        self._screen.show([self.view])

    def report(self) -> Report:
        """Return the report of the finalized call.

        Raises:
            CallstreamError: It is not finalized.
        """
        call = self.view.finalized
        if call is None:
            raise CallstreamError(f"{self.view.call_id} is not finalized")
        reference = self._call.reference
        errors = compare(call, reference) if reference else {}
        return Report(
            call,
            self._meter,
            errors,
            self._dead_letters,
            self.view.classified,
            self.view.insights,
        )

    def _check_silence(self) -> None:
        if self._now_s() - self._last_arrival_s > SILENCE_LIMIT_S:
            raise BrokerError(
                f"no message of {self.view.call_id} came for {SILENCE_LIMIT_S:.0f} s; giving up"
            )

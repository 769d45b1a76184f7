"""More calls than a core can serve, in virtual time: partials come less often, finals in time."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import mean

import numpy as np
from faust.types import TP

from models.asr.core.policy import DEFAULT_POLICY
from stream_app.agents.partial_pace import PartialPace
from stream_app.calls.transcribe.recognition import RecognitionRequest
from stream_app.calls.transcribe.recognition.channel_partials import ChannelPartials
from stream_app.runtime.inference.queue import Job, RequestQueue
from stream_app.runtime.memory.sessions import PartitionSession

MS = 1_000_000
SILENCE = np.zeros(1, dtype=np.float32)
SETTING_MS = 500
CHUNK_MS = 100
SEGMENT_MS = 5_000
PAUSE_MS = 1_000
MAX_BATCH = 8
# Base weights on one core: a window alone 63 ms, eight together 300 ms
BATCH_MS = 29.0
WINDOW_MS = 34.0


class Caller:
    """Somebody who speaks for 5 s, pauses for one, and so on."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._phase_ms = number * 7 * CHUNK_MS % (SEGMENT_MS + PAUSE_MS)
        self._partials = ChannelPartials(DEFAULT_POLICY, SETTING_MS)

    def speak(self, now_ms: int) -> RecognitionRequest | None:
        """Return what is to be decoded now."""
        clock_ms = now_ms + self._phase_ms
        in_turn_ms = clock_ms % (SEGMENT_MS + PAUSE_MS)
        start_ms = clock_ms - in_turn_ms
        is_final = in_turn_ms == SEGMENT_MS
        is_open = 0 < in_turn_ms < SEGMENT_MS
        if not is_final and not (is_open and self._partials.ask(start_ms, clock_ms)):
            return None
        return RecognitionRequest(
            call_id=str(self._number),
            channel=0,
            segment_id=str(start_ms),
            samples=np.broadcast_to(SILENCE, in_turn_ms * 16),
            start_ms=start_ms,
            captured_at_ns=now_ms * MS,
            language="en",
            hot_words=(),
            is_final=is_final,
        )


@dataclass
class Core:
    """One core, its queue and the fate of each request, in virtual time."""

    pace: PartialPace | None = field(default_factory=lambda: PartialPace(SETTING_MS))
    now_ms: int = 0
    free_at_ms: float = 0.0
    under_way: list[Job] = field(default_factory=list)
    rested_at_ms: float = 0.0
    final_delays: list[float] = field(default_factory=list)
    updates: dict[int, int] = field(default_factory=dict)
    partial_delays: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with nobody on the line."""
        self.session = PartitionSession(TP("t", 0), 1, lambda _: None)
        self.queue = RequestQueue(2.0, MAX_BATCH, self.pace, clock_ns=self._clock_ns)
        self._callers: dict[int, Caller] = {}

    def _clock_ns(self) -> int:
        return int(max(self.now_ms, self.free_at_ms) * MS)

    def serve(self, calls: int, seconds: int) -> None:
        """Serve a number of calls for a time; the figures are of this stretch alone."""
        self.final_delays, self.partial_delays = [], []
        self.updates = dict.fromkeys(range(calls), 0)
        for number in range(calls):
            self._callers.setdefault(number, Caller(number))
        end_ms = self.now_ms + seconds * 1_000
        while self.now_ms < end_ms:
            self._decode(until_ms=self.now_ms)
            self._listen(self._callers[number] for number in range(calls))
            self.now_ms += CHUNK_MS

    def _listen(self, callers: Iterable[Caller]) -> None:
        for caller in callers:
            request = caller.speak(self.now_ms)
            if request is not None:
                arrived_ns = self.now_ms * MS
                job = Job(
                    self.session,
                    request.call_id,
                    request,
                    request.is_final,
                    arrived_ns=arrived_ns,
                )
                self.queue.push(job)

    def _decode(self, until_ms: float) -> None:
        while self.free_at_ms < until_ms:
            self._finish()
            self.under_way = self.queue.pop()
            if not self.under_way:
                self._rest(until_ms)
                return
            alone = sum(job.is_urgent for job in self.under_way)
            together = len(self.under_way) - alone
            self.free_at_ms += (BATCH_MS + WINDOW_MS) * alone
            self.free_at_ms += BATCH_MS * (together > 0) + WINDOW_MS * together
            self.rested_at_ms = self.free_at_ms

    def _rest(self, until_ms: float) -> None:
        """Do what the thread does when it waits with nothing to do."""
        pace = self.pace
        if pace is not None and until_ms - self.rested_at_ms >= pace.interval_ms:
            self.queue.rest()
            self.rested_at_ms = until_ms
        self.free_at_ms = until_ms

    def _finish(self) -> None:
        for job in self.under_way:
            delay_ms = self.free_at_ms - job.arrived_ns / MS
            if job.is_urgent:
                self.final_delays.append(delay_ms)
            else:
                self.partial_delays.append(delay_ms)
                number = int(job.call_id)
                self.updates[number] = self.updates.get(number, 0) + 1
        self.under_way = []


def overloaded(core: Core) -> Core:
    """Return a core after two minutes with forty calls, figures without the first minute."""
    core.serve(calls=40, seconds=60)
    core.serve(calls=40, seconds=120)
    return core


def test_within_capacity_nothing_stretches() -> None:
    core = Core()
    core.serve(calls=8, seconds=60)

    assert core.queue.stretched == 0
    assert core.queue.shed == 0
    assert max(core.final_delays) < 500


def test_overload_stretches_the_interval_and_finals_stay_in_time() -> None:
    """Forty calls ask for three times what the core decodes beside their finals."""
    core = overloaded(Core())

    assert core.pace is not None
    assert core.pace.interval_ms > 2 * SETTING_MS
    assert core.queue.stretched > 0
    assert len(core.final_delays) >= 40 * 120 * 1_000 // (SEGMENT_MS + PAUSE_MS) - 40
    assert max(core.final_delays) < 500
    assert mean(core.partial_delays) < SETTING_MS


def test_no_load_keeps_a_final_waiting_for_long() -> None:
    """One batch under way, and the finals before it: 84 % of the core is finals."""
    core = Core()
    core.serve(calls=80, seconds=120)

    assert max(core.final_delays) < 500


def test_overload_is_shared_evenly() -> None:
    core = overloaded(Core())

    assert min(core.updates.values()) > 0.8 * max(core.updates.values())


def test_without_a_pace_partials_and_finals_are_later_and_more_partials_are_shed() -> None:
    """What the stretching is for."""
    paced, unpaced = overloaded(Core()), overloaded(Core(pace=None))

    assert mean(paced.partial_delays) < 0.8 * mean(unpaced.partial_delays)
    assert mean(paced.final_delays) < 0.8 * mean(unpaced.final_delays)
    assert paced.queue.shed < 0.2 * unpaced.queue.shed


def test_the_interval_comes_back_when_the_load_eases() -> None:
    core = Core()
    core.serve(calls=60, seconds=60)
    core.serve(calls=4, seconds=30)

    assert core.pace is not None
    assert core.pace.interval_ms == SETTING_MS


def test_the_interval_comes_back_in_silence_too() -> None:
    core = Core()
    core.serve(calls=60, seconds=60)
    core.serve(calls=0, seconds=60)

    assert core.pace is not None
    assert not core.pace.is_stretched

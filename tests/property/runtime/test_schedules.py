"""Calls side by side on one model: no schedule, batch or load changes what is deterministic.

The model hears what it decodes together: words of a request that is not exact depend on the
company it is in.
"""

import random
from collections.abc import Callable, Sequence
from functools import cache

import msgspec
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from models.asr.core.hypothesis import Hypothesis, Word
from models.asr.core.requests import DEFAULT_OPTIONS, DecodeOptions, SpeechRequest, go_on
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray
from schemas.audio import AudioTopicMessage
from schemas.base import Message
from schemas.transcripts import TranscriptFinal, TranscriptPartial
from stream_app.agents.partial_pace import PartialPace
from stream_app.calls.effects import Effect, Emit, Infer
from stream_app.calls.transcribe.recognition import Recognizer
from stream_app.calls.transcribe.transcriber import CallTranscriber
from stream_app.calls.transcribe.transcriber_state import TranscriberConfig
from stream_app.runtime.inference.interruptions import GivenUpError, Interruptions
from stream_app.runtime.inference.queue import Job, RequestQueue
from stream_app.runtime.memory.sessions import PartitionSession
from tests.support.calls.recorded_calls import SHORT_SEGMENTS, detectors, recorded_call
from tests.support.examples import examples

CALLS = ("a", "b", "c")
STRETCHES_MS = {"a": (36_000, 42_000), "b": (20_000, 26_000), "c": (57_000, 63_000)}
CHUNK_MS = 100
STEPS = 4  # of a decode
BURSTS = (0, 0, 1, 16)  # messages between two of them
MS = 1_000_000


class Eavesdropper:
    """A speech engine whose hypotheses, where they may, depend on all it decodes together."""

    name = "eavesdropper-1"
    max_samples = 30 * SAMPLE_RATE_HZ
    max_segment_ms = 0

    def transcribe(
        self, samples: FloatArray, options: DecodeOptions = DEFAULT_OPTIONS
    ) -> Hypothesis:
        """Return the exact hypothesis."""
        return self.transcribe_batch([SpeechRequest(samples, options)])[0]

    def transcribe_batch(self, requests: Sequence[SpeechRequest]) -> list[Hypothesis]:
        """Return one hypothesis for each request, after some steps of each."""
        for request in requests:
            for _ in range(STEPS):
                request.between_steps()
        company = [request for request in requests if not request.is_exact]
        noise = sum(len(request.samples) + len(request.draft) for request in company)
        return [_heard(request, 0 if request.is_exact else noise) for request in requests]


def _heard(request: SpeechRequest, noise: int) -> Hypothesis:
    text = f"{float(request.samples.sum()):.6f}/{noise}"
    word = Word(text=text, start_ms=0, end_ms=100, confidence=0.5)
    return Hypothesis(
        text=text, words=(word,), avg_log_probability=-0.1, compression_ratio=1.0, tokens=(1, noise)
    )


@cache
def messages(call: str) -> list[AudioTopicMessage]:
    """Return a call whose chunks are captured 100 ms apart."""
    return [
        msgspec.structs.replace(message, captured_at_ns=(number + 1) * CHUNK_MS * MS)
        for number, message in enumerate(recorded_call(call, *STRETCHES_MS[call]))
    ]


class Bench:
    """Machines, one queue and one model, driven by a schedule."""

    def __init__(self, *, is_deterministic: bool, max_batch: int, is_late: bool) -> None:
        config = TranscriberConfig(
            front_end=detectors().front_end,
            segments=SHORT_SEGMENTS,
            partial_interval_ms=500,
            model="test-1",
            is_deterministic=is_deterministic,
        )
        self.machines = {call: CallTranscriber(call, config) for call in CALLS}
        self.topics: dict[str, list[Message]] = {call: [] for call in CALLS}
        self.session = PartitionSession(TP("t", 0), 1, lambda _: None)
        self.recognizer = Recognizer(Eavesdropper())
        self.now_ms = 0
        self.offsets = dict.fromkeys(CALLS, 0)
        self.interruptions = 0
        self.given_up = 0
        pace = PartialPace(500)
        if is_late:
            for at_ms in range(0, 20_000, 500):
                pace.note_wait(5_000, at_ms)
        self.queue = RequestQueue(
            2.0,
            max_batch,
            pace,
            clock_ns=self._clock_ns,
        )

    def _clock_ns(self) -> int:
        return (20_000 + self.now_ms) * MS

    def feed_next(self, left: list[str]) -> None:
        """Give the last call of a list its next message, if there is one."""
        if left:
            call = left.pop()
            self.offsets[call] += 1
            self.feed(call, self.offsets[call] - 1)

    def feed(self, call: str, offset: int) -> None:
        """Give a call a message."""
        self.now_ms = max(self.now_ms, offset * CHUNK_MS)
        self._apply(call, self.machines[call].feed(messages(call)[offset], offset))

    def infer_all(self) -> None:
        """Decode all that is pending."""
        while self.infer():
            pass

    def infer(self, meanwhile: Callable[[], None] = go_on) -> bool:
        """Return whether there was something to decode; ``meanwhile`` is called at every step."""
        batch = self.queue.pop()
        interruptions = Interruptions(self.queue)

        def between_steps() -> None:
            meanwhile()
            within = interruptions.next_batch(batch[0]) if len(batch) == 1 else []
            if within:
                self._run(within, go_on)
                interruptions.note_run(0.01)

        try:
            self._run(batch, between_steps)
        except GivenUpError:
            self.given_up += 1
        self.interruptions += interruptions.runs
        return bool(batch)

    def _run(self, batch: Sequence[Job], between_steps: Callable[[], None]) -> None:
        results = self.recognizer.run([job.request for job in batch], between_steps)  # type: ignore[misc]
        for job, result in zip(batch, results, strict=True):
            self._apply(job.call_id, self.machines[job.call_id].resolve(result))

    def _apply(self, call: str, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Emit):
                self.topics[call].append(effect.message)
            elif isinstance(effect, Infer):
                kind = (effect.is_urgent, effect.is_kept, self._clock_ns())
                job = Job(self.session, call, effect.request, *kind, is_early=effect.is_early)
                job.is_first = effect.is_first
                self.queue.push(job)


def play(
    seed: int, *, is_deterministic: bool, max_batch: int = 8, is_late: bool = False
) -> dict[str, list[Message]]:
    """Return the topic of each call after a schedule of the seed's; 0 is one call at a time."""
    return played(
        seed, Bench(is_deterministic=is_deterministic, max_batch=max_batch, is_late=is_late)
    ).topics


def played(seed: int, bench: Bench) -> Bench:
    """Return the bench after a schedule, in which calls also go on between the steps of a run."""
    chance = random.Random(seed)
    left = [call for call in reversed(CALLS) for _ in messages(call)]
    if seed:
        chance.shuffle(left)
    idle = chance.random()

    def meanwhile() -> None:
        for _ in range(chance.choice(BURSTS)):
            bench.feed_next(left)

    while left:
        bench.feed_next(left)
        if not seed:
            bench.infer_all()
        elif chance.random() > idle:
            bench.infer(meanwhile)
    bench.infer_all()
    assert all(machine.is_closed for machine in bench.machines.values())
    return bench


@cache
def alone(*, is_deterministic: bool) -> dict[str, list[Message]]:
    return play(0, is_deterministic=is_deterministic)


def lane(topic: Sequence[Message]) -> list[Message]:
    return [message for message in topic if not isinstance(message, TranscriptPartial)]


@examples(8)
@given(seed=st.integers(1, 10_000), max_batch=st.integers(1, 8), is_late=st.booleans())
def test_no_schedule_changes_the_deterministic_lane(
    seed: int, max_batch: int, *, is_late: bool
) -> None:
    topics = play(seed, is_deterministic=False, max_batch=max_batch, is_late=is_late)

    for call, topic in alone(is_deterministic=False).items():
        assert lane(topics[call]) == lane(topic)


@examples(8)
@given(seed=st.integers(1, 10_000), max_batch=st.integers(1, 8), is_late=st.booleans())
def test_no_schedule_changes_anything_of_a_deterministic_call(
    seed: int, max_batch: int, *, is_late: bool
) -> None:
    topics = play(seed, is_deterministic=True, max_batch=max_batch, is_late=is_late)

    assert topics == alone(is_deterministic=True)


def test_the_schedules_really_change_what_may_change() -> None:
    """Else the two tests above would prove nothing."""
    partials = {tuple(partials_of(play(seed, is_deterministic=False)["a"])) for seed in range(1, 6)}
    finals = [m for m in alone(is_deterministic=True)["a"] if isinstance(m, TranscriptFinal)]

    assert len(partials) > 1
    assert len(finals) >= 2
    assert len(partials_of(alone(is_deterministic=True)["a"])) >= 5


def test_runs_of_these_calls_are_interrupted_and_given_up() -> None:
    """Else the first test would say nothing of them."""
    benches = [
        played(seed, Bench(is_deterministic=False, max_batch=8, is_late=False))
        for seed in range(1, 9)
    ]

    assert sum(bench.interruptions for bench in benches) >= 5
    assert sum(bench.given_up for bench in benches) >= 2


def test_finals_of_these_calls_are_decoded_early() -> None:
    """Else the first test would say nothing of them."""
    bench = Bench(is_deterministic=False, max_batch=8, is_late=False)
    for offset, _ in enumerate(messages("a")):
        bench.feed("a", offset)
        bench.infer_all()

    assert bench.machines["a"].counters.early_finals >= 1


def partials_of(topic: Sequence[Message]) -> list[str]:
    return [message.text for message in topic if isinstance(message, TranscriptPartial)]

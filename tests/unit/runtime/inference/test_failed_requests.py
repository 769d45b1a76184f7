"""A request that fails costs its own call a dead letter; all other calls have their answers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from schemas.catalogue import AUDIO
from schemas.operations import Alert
from stream_app.agents.definition import AgentDefinition
from stream_app.agents.retry_policy import RetryPolicy
from stream_app.calls.counters import CallCounters
from stream_app.calls.effects import Commit, Effect, Emit, Infer, Refuse
from stream_app.calls.ended_call import EndedCall
from stream_app.calls.inference import Failed, FailedRequest
from stream_app.settings import Settings
from tests.support.runtime_bench import RuntimeBench
from tests.support.waiting import until

CALLS = 60
LIMIT_S = 20.0
AWAY = Failed("back-end away", retryable=True)


@dataclass(frozen=True)
class Word:
    """A message: ``call:word``, with one question to the model in each word but the empty one."""

    call_id: str
    text: str
    captured_at_ns: int = 1

    @classmethod
    def read(cls, data: bytes) -> "Word":
        """Return the message of some bytes."""
        call_id, _, text = data.decode().partition(":")
        return cls(call_id, text)


@dataclass(frozen=True)
class Question:
    """What the model is asked."""

    call_id: str
    text: str
    cost: int = 100

    @property
    def slot(self) -> tuple[str]:
        """Questions of a call replace one another, where they may."""
        return (self.call_id,)

    @property
    def identity(self) -> tuple[str]:
        """Tells it from every other one of its call."""
        return (self.text,)


@dataclass(frozen=True)
class Reply:
    """What the model answers."""

    request: Question


class Asker:
    """Asks about each word, and commits it with the answer, or without one."""

    is_closed = False
    ended: EndedCall | None = None

    def __init__(self, call_id: str, *, is_urgent: bool = True) -> None:
        self.call_id = call_id
        self.counters = CallCounters()
        self._is_urgent = is_urgent
        self._offsets: dict[str, int] = {}

    def feed(self, word: Word, offset: int) -> Sequence[Effect]:
        """Return a question."""
        self._offsets[word.text] = offset
        return (Infer(Question(self.call_id, word.text), is_urgent=self._is_urgent),)

    def resolve(self, result: Reply | FailedRequest) -> Sequence[Effect]:
        """Return the answer, if any, and the commit."""
        text = result.request.text
        commit = Commit((self._offsets.pop(text),))
        if isinstance(result, FailedRequest):
            return (commit,)
        answer = Alert(
            event_id=f"{self.call_id}/{text}",
            call_id=self.call_id,
            captured_at_ns=0,
            kind="answer",
            severity="info",
            source="toy",
        )
        return (Emit(answer), commit)


class Model:
    """Fails for some words: ``never`` for good, ``later`` twice, ``away`` for as long as it is."""

    def __init__(self) -> None:
        self.is_away = True
        self.runs: Counter[str] = Counter()

    def __call__(self, requests: Sequence[Question]) -> list[Reply | Failed]:
        """Return a reply or a failure for each."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Question) -> Reply | Failed:
        self.runs[f"{request.call_id}:{request.text}"] += 1
        if request.text == "never":
            return Failed("refused by the back-end: it will not say")
        if request.text == "raises":
            raise ValueError("shape of something secret")
        if request.text == "later" and self.runs[f"{request.call_id}:later"] <= 2:
            return AWAY
        return AWAY if request.text == "away" and self.is_away else Reply(request)


class Bench(RuntimeBench):
    """A runtime with the model at work on its thread."""

    def __init__(self, model: Model, *, is_urgent: bool = True, max_attempts: int = 5) -> None:
        definition = AgentDefinition(
            name="toy",
            input_topic=AUDIO,
            decode=Word.read,
            create=lambda call_id: Asker(call_id, is_urgent=is_urgent),
            restore=lambda checkpoint: Asker(checkpoint.call_id),
            infer=model,
            max_batch=8,
            max_urgent=8,
            retries=RetryPolicy(max_attempts, first_backoff_s=0.01, max_backoff_s=0.02),
        )
        super().__init__(definition, Settings().replace(overload={"no_partials_behind_s": 60}))
        self.sent: list[bytes] = []

    async def play(self, words: Sequence[str], condition: Any) -> None:
        """Feed words, in polls of ten, and wait for a condition."""
        self.begin()
        inference = self.parts.inference
        assert inference is not None
        inference.start()
        self.sent = [word.encode() for word in words]
        messages = [self.message(n, value) for n, value in enumerate(self.sent)]
        try:
            for first in range(0, len(messages), 10):
                await self.take(messages[first : first + 10])
            await until(condition, limit_s=LIMIT_S)
        finally:
            inference.stop()

    @property
    def committed(self) -> set[int]:
        """Offsets that the machines committed."""
        commits = (effect for effect in self.outbox.effects if isinstance(effect, Commit))
        return {offset for commit in commits for offset in commit.offsets}

    @property
    def answers(self) -> list[str]:
        """Ids of the answers."""
        emits = (effect for effect in self.outbox.effects if isinstance(effect, Emit))
        return [emit.message.event_id for emit in emits]


async def test_of_many_calls_only_those_fail_whose_requests_do() -> None:
    """For good, at once or after all retries; each leaves its input as a dead letter."""
    ways = ("hello", "never", "later", "raises", "away")
    words = [f"{call}:{ways[call % len(ways)]}" for call in range(CALLS)]
    bench = Bench(Model())

    await bench.play(words, lambda: len(bench.committed) == CALLS)

    fine = [word.replace(":", "/") for word in words if word.endswith(("hello", "later"))]
    assert sorted(bench.answers) == sorted(fine)
    reasons = {refuse.offset: refuse.reason for refuse in bench.outbox.refused}
    assert reasons == {
        offset: f"inference failed: {reason}"
        for offset, word in enumerate(words)
        for way, reason in {
            "never": "refused by the back-end: it will not say",
            "raises": "ValueError: shape of something secret",
            "away": "back-end away",
        }.items()
        if word.endswith(way)
    }
    told = {(str(call), "inference_failed") for call in range(CALLS) if call in reasons}
    assert set(bench.outbox.alerts) == told
    assert bench.count("failed_requests") == len(reasons)


async def test_the_dead_letter_comes_before_its_input_is_acknowledged() -> None:
    """In the same call's order, so that a crash between the two cannot lose it."""
    bench = Bench(Model())

    await bench.play(["a:never"], lambda: bool(bench.committed))

    kinds = [type(effect) for effect in bench.outbox.effects]
    assert kinds == [Refuse, Commit]


async def test_a_request_is_run_as_often_as_the_policy_says() -> None:
    model = Model()
    bench = Bench(model, max_attempts=4)

    await bench.play(["a:away", "b:never", "c:later"], lambda: len(bench.committed) == 3)

    assert model.runs == {"a:away": 4, "b:never": 1, "c:later": 3}
    assert bench.count("retried_requests") == 3 + 2


async def test_a_back_end_that_comes_back_has_cost_nothing() -> None:
    """All calls wait meanwhile, and none of them fails."""
    model = Model()
    bench = Bench(model, max_attempts=1_000)
    words = [f"{call}:away" for call in range(CALLS)]

    def has_come_back() -> bool:
        model.is_away = len(model.runs) < CALLS or min(model.runs.values()) < 3
        return len(bench.committed) == CALLS

    await bench.play(words, has_come_back)

    assert len(bench.answers) == CALLS
    assert bench.outbox.refused == []
    assert bench.outbox.alerts == []


@pytest.mark.parametrize("word", ["never", "away"])
async def test_what_might_have_been_shed_fails_without_a_dead_letter(word: str) -> None:
    """Nothing waits for it: a newer one comes soon."""
    model = Model()
    bench = Bench(model, is_urgent=False)

    await bench.play([f"a:{word}"], lambda: bool(bench.committed))

    assert model.runs == {f"a:{word}": 1}
    assert bench.outbox.refused == []
    assert bench.outbox.alerts == [("a", "inference_failed")]


def test_the_settings_say_how_often_where_the_agent_does_not() -> None:
    settings = Settings().replace(inference={"max_attempts": 3, "first_backoff_s": 7})
    definition = AgentDefinition(
        name="toy",
        input_topic=AUDIO,
        decode=Word.read,
        create=Asker,
        restore=lambda checkpoint: Asker(checkpoint.call_id),
        infer=Model(),
    )
    thread = RuntimeBench(definition, settings).parts.inference

    assert thread is not None
    assert thread._retries == RetryPolicy(3, first_backoff_s=7.0, max_backoff_s=30.0)

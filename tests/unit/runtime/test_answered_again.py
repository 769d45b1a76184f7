"""A finalized call that the model failed for is answered when it is sent again."""

from collections.abc import Sequence

import msgspec
from faust.types import Message

from schemas import catalogue
from schemas.turns import FinalizedCall
from stream_app.agents.answering import AnsweringOptions, answering_agent
from stream_app.agents.retry_policy import RetryPolicy
from stream_app.calls.effects import Commit, Emit, Refuse
from stream_app.calls.inference import Failed
from tests.support.calls.answering_worker import of_calls
from tests.support.calls.call_messages import finalized
from tests.support.runtime_bench import RuntimeBench
from tests.support.waiting import until

CALLS = 6
DOWN = {1, 4}  # calls for which the model is away


class Model:
    """Counts words; fails for some calls until it is mended."""

    def __init__(self) -> None:
        self.is_mended = False

    def __call__(self, texts: Sequence[str]) -> list[int | Failed]:
        """Return the number of words of each text."""
        return [self._answer(text) for text in texts]

    def _answer(self, text: str) -> int | Failed:
        if not self.is_mended and int(text.split(maxsplit=1)[0]) in DOWN:
            return Failed("the back-end is away", retryable=True)
        return len(text.split())


def call_of(number: int) -> FinalizedCall:
    call_id = f"call-{number}"
    return msgspec.structs.replace(
        finalized(((0, 0, f"{number} words"),)), call_id=call_id, event_id=f"{call_id}/finalized"
    )


async def test_a_call_that_failed_is_answered_when_it_comes_again() -> None:
    """On one partition with others, whose repetition is dropped."""
    model = Model()
    options = AnsweringOptions(retries=RetryPolicy(2, 0.01, 0.01))
    bench = RuntimeBench(answering_agent(of_calls(), model, options))
    assert bench.parts.inference is not None
    bench.parts.inference.start()
    bench.begin()
    await bench.take([message(bench, n, n) for n in range(CALLS)])
    await until(lambda: answered(bench) == CALLS - len(DOWN) and len(refused(bench)) == len(DOWN))

    model.is_mended = True
    again = [message(bench, CALLS + n, n) for n in range(CALLS)]
    await bench.take([*again, message(bench, 2 * CALLS, 1)])
    await until(lambda: answered(bench) == CALLS)
    await bench.take([message(bench, 3 * CALLS, 4)])
    bench.parts.inference.stop()

    closed = [
        (each.checkpoint.call_id, each.checkpoint.state)
        for each in bench.outbox.effects
        if isinstance(each, Commit) and each.checkpoint is not None
    ]
    for number in DOWN:
        states = [state for call_id, state in closed if call_id == f"call-{number}"]
        assert states == [
            {"end_offset": number, "is_unanswered": True},
            {"end_offset": CALLS + number},
        ]
    assert len(refused(bench)) == len(DOWN)
    done = {n for e in bench.outbox.effects if isinstance(e, Commit) for n in e.offsets}
    assert done == {*range(2 * CALLS + 1), 3 * CALLS}


def message(bench: RuntimeBench, offset: int, number: int) -> Message:
    call = call_of(number)
    return bench.message(offset, catalogue.encode(call), call.call_id.encode())


def answered(bench: RuntimeBench) -> int:
    return len({e.message.event_id for e in bench.outbox.effects if isinstance(e, Emit)})


def refused(bench: RuntimeBench) -> list[Refuse]:
    return bench.outbox.refused

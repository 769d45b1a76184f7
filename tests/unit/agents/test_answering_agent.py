"""The definition of an agent that answers follows from what it answers."""

import msgspec
import pytest

from schemas import catalogue
from schemas.errors import MalformedMessageError
from schemas.turns import FinalizedCall, TurnEnded
from stream_app.agents.answering import AnsweringOptions, answering_agent
from stream_app.agents.limits import Limits
from stream_app.agents.retry_policy import RetryPolicy
from stream_app.calls.answering import Answer, Answering, AnswerRequest
from stream_app.calls.effects import Infer
from stream_app.calls.first_offset import first_offset
from stream_app.calls.inference import Failed
from tests.support.calls.answering_worker import AGENT, of_calls, of_turns
from tests.support.calls.call_messages import finalized, turn_ended, turns_complete


def word_counts(texts: list[str]) -> list[int | Failed]:
    """Return the words of each text; an empty one cannot be counted."""
    return [len(text.split()) if text else Failed("empty") for text in texts]


def test_it_reads_the_topic_of_what_it_answers() -> None:
    calls = answering_agent(of_calls(), word_counts)  # type: ignore[arg-type]
    turns = answering_agent(of_turns(has_history=True), word_counts)  # type: ignore[arg-type]

    assert (calls.input_topic, turns.input_topic) == (catalogue.FINALIZED, catalogue.TURNS)
    assert (calls.reread_from, turns.reread_from) == (None, first_offset)
    for agent, message in ((calls, finalized()), (turns, turns_complete(0))):
        assert agent.decode(catalogue.encode(message)) == message
        with pytest.raises(MalformedMessageError):
            agent.decode(b"{}")


def test_requests_of_several_calls_are_one_run_of_the_model() -> None:
    agent = answering_agent(of_calls(), word_counts)  # type: ignore[arg-type]
    requests = [AnswerRequest(str(n), f"{n}/f", text) for n, text in enumerate(("a b", "", "c"))]

    assert agent.infer is not None
    assert agent.infer(requests) == [
        Answer(requests[0], 2),
        Failed("empty"),
        Answer(requests[2], 1),
    ]


def test_a_call_keeps_its_requests_in_order_and_the_agent_its_limits() -> None:
    costly = Answering[TurnEnded, str, int](
        agent=AGENT,
        subject=TurnEnded,
        request=lambda turn, _: turn.text,
        messages=lambda *_: (),
        cost=len,
    )
    retries = RetryPolicy(3, 1.0, 2.0)
    options = AnsweringOptions(limits=Limits(max_cost=9, unit="characters"), retries=retries)
    agent = answering_agent(costly, word_counts, options)  # type: ignore[arg-type]
    machine = agent.create("c")

    effects = [machine.feed(turn_ended(0, n, n + 900, text="four"), n)[0] for n in (0, 1_000)]

    requests = [effect.request for effect in effects if isinstance(effect, Infer)]
    assert [request.cost for request in requests] == [4, 4]
    assert len({request.slot for request in requests}) == 1
    assert len({request.identity for request in requests}) == 2
    assert (agent.limits.max_cost, agent.retries) == (9, retries)


def test_a_call_that_came_again_under_another_id_is_another_call() -> None:
    agent = answering_agent(of_calls(), word_counts)  # type: ignore[arg-type]
    other: FinalizedCall = msgspec.structs.replace(finalized(), call_id="d", event_id="d/f")

    (first,), (second,) = (
        agent.create(call.call_id).feed(call, 0) for call in (finalized(), other)
    )

    assert isinstance(first, Infer)
    assert isinstance(second, Infer)
    assert first.request.slot != second.request.slot

"""Agents that answer each finalized call, or each turn, once: see `calls.answering`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from schemas.catalogue import spec_of_type
from stream_app.agents.definition import AgentDefinition, ModelWatch
from stream_app.agents.limits import Limits
from stream_app.agents.retry_policy import RetryPolicy
from stream_app.calls.answering import (
    Answer,
    Answering,
    AnsweringCall,
    AnswerRequest,
    RequestT,
    ResultT,
    SubjectT,
)
from stream_app.calls.first_offset import first_offset
from stream_app.calls.inference import Failed

LIMITS = Limits(max_inputs=256)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweringOptions:
    """How an agent that answers runs its model.

    Attributes:
        max_batch: Most requests of one run, of as many calls.
        limits: What may be unfinished before reading waits. Each input is an open call, or a turn
            of one.
        retries: When a request whose failure may pass is run again; by the settings where None.
        watch: Set where files of the model may change while it runs.
    """

    max_batch: int = 8
    limits: Limits = LIMITS
    retries: RetryPolicy | None = None
    watch: ModelWatch | None = None


DEFAULT_OPTIONS = AnsweringOptions()


def answering_agent(
    answering: Answering[SubjectT, RequestT, ResultT],
    model: Callable[[Sequence[RequestT]], Sequence[ResultT | Failed]],
    options: AnsweringOptions = DEFAULT_OPTIONS,
) -> AgentDefinition:
    """Return the definition of an agent that answers.

    Args:
        answering: What it answers, and how.
        model: Runs requests of several calls together, on a thread of its own; returns for each
            its result, or `Failed`. What it raises is judged as `AgentDefinition.infer` says.
        options: How the model is run.
    """
    topic = spec_of_type(answering.subject)
    return AgentDefinition(
        name=answering.agent,
        input_topic=topic.name,
        decode=topic.decode,
        create=lambda call_id: AnsweringCall(call_id, answering),
        restore=lambda checkpoint: AnsweringCall.restore(checkpoint, answering),
        infer=partial(_infer, model),
        max_batch=options.max_batch,
        limits=options.limits,
        retries=options.retries,
        watch=options.watch,
        reread_from=first_offset if answering.has_history else None,
    )


def _infer(
    model: Callable[[Sequence[RequestT]], Sequence[ResultT | Failed]],
    requests: Sequence[AnswerRequest[RequestT]],
) -> list[Answer[RequestT, ResultT] | Failed]:
    results = model([request.content for request in requests])
    return [
        result if isinstance(result, Failed) else Answer(request, result)
        for request, result in zip(requests, results, strict=True)
    ]

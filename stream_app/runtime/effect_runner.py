"""Effects of state machines, carried out; results of the model, taken back to the machines."""

from collections.abc import Sequence
from typing import Any, Protocol

import structlog

from stream_app.calls.effects import Commit, Emit, Infer, Refuse, Tell
from stream_app.calls.inference import Failed
from stream_app.monitoring.output_meter import OutputMeter
from stream_app.runtime.context import RuntimeContext
from stream_app.runtime.inference.queue import Job
from stream_app.runtime.inference.thread import InferenceThread
from stream_app.runtime.memory.feeds import Feed, Resolution, resolve_all
from stream_app.runtime.memory.sessions import PartitionSession
from stream_app.runtime.output.outbox import AlertKind
from stream_app.runtime.reading_pace import ReadingPace

INFERENCE_FAILED = "inference failed"  # begins the reason of such dead letters

log = structlog.get_logger(__name__)


class EffectSink(Protocol):
    """What is needed of the outbox."""

    def put(self, session: PartitionSession, call_id: str, effect: Emit | Refuse | Commit) -> None:
        """Queue an effect of a call."""
        ...

    def alert(
        self, session: PartitionSession, call_id: str, kind: AlertKind, **details: str
    ) -> None:
        """Queue an alert about a call."""
        ...

    async def wait_for_room(self) -> None:
        """Wait until the queue is short enough to take more."""
        ...


class EffectRunner:
    """Carries out what machines ask for, in its order.

    Args:
        context: Of the runtime.
        outbox: Takes outputs, dead letters and commits.
        inference: Runs requests; None for an agent without a model.
        pace: Is told of results.
    """

    def __init__(
        self,
        context: RuntimeContext,
        outbox: EffectSink,
        inference: InferenceThread | None,
        pace: ReadingPace,
    ) -> None:
        self._context = context
        self._outbox = outbox
        self._inference = inference
        self._pace = pace
        self._meter = OutputMeter(context.metrics)
        self._results: list[tuple[Job, Any]] = []
        self._is_resolving = False

    def carry_out(self, step: Feed | Resolution) -> None:
        """Carry out the effects of a step, and close its call if they end it."""
        if not step.session.is_current:
            return  # whoever has its partition now is fed the same, and counts it
        self._apply(step)
        if step.machine is None:
            return
        if step.effects:  # most chunks have none; what such a one counts goes with the next effect
            self._context.metrics.add_gains(step.machine.counters)
        if step.machine.is_closed and step.session.close(step.call_id):
            log.info("call.closed", agent=self._context.definition.name, call_id=step.call_id)

    def take_result(self, job: Job, result: Any) -> None:
        """Take a result or `Failed`; results that come together are resolved together."""
        if isinstance(result, Failed):
            self._tell_failure(job, result)
            result = self._context.definition.fail(job.request, result)
        self._results.append((job, result))
        if not self._is_resolving:
            self._is_resolving = True
            self._context.process_end.spawn(self._resolve_results(), blamed=("results",))

    def _apply(self, step: Feed | Resolution) -> None:
        for effect in step.effects:
            if isinstance(effect, Tell):
                agent = self._context.definition.name
                log.warning(effect.event, agent=agent, call_id=step.call_id, **effect.details)
            elif not isinstance(effect, Infer):
                self._outbox.put(step.session, step.call_id, effect)
                if isinstance(effect, Emit):
                    self._meter.note(effect.message, step.arrived_ns)
            elif self._inference is not None:
                self._inference.submit(_job(step, effect))

    def _tell_failure(self, job: Job, failure: Failed) -> None:
        """Tell that a request has failed for good; a dead letter holds the input that led to it.

        Not so for a request that might have been shed: nothing waits for it.
        """
        self._context.metrics.failed_requests.inc()
        log.error(
            "inference.failed",
            agent=self._context.definition.name,
            call_id=job.call_id,
            offset=job.offset,
            reason=failure.reason,
        )
        error = failure.reason.partition(":")[0]  # the rest may quote the request
        self._outbox.alert(job.session, job.call_id, "inference_failed", error=error)
        if job.is_lasting:
            refusal = Refuse(job.offset, f"{INFERENCE_FAILED}: {failure.reason}")
            self._outbox.put(job.session, job.call_id, refusal)

    async def _resolve_results(self) -> None:
        """Give results to their machines in the order in which they came, also beside suspects."""
        under_way = self._context.under_way
        try:
            while self._results:
                results, self._results = self._results, []
                for group in under_way.apart(results, lambda each: each[0].mark):
                    marks = [job.mark for job, _ in group]
                    async with under_way.alone_on_loop(marks):
                        with under_way.marked("results", marks):
                            await self._resolve(group)
        finally:
            self._is_resolving = False
        self._pace.review()

    async def _resolve(self, results: Sequence[tuple[Job, Any]]) -> None:
        resolutions = [
            Resolution(job.session, job.call_id, machine, result, job.arrived_ns, job.offset)
            for job, result in results
            if (machine := job.session.machines.get(job.call_id)) is not None
        ]
        await self._context.machines.call(resolve_all, resolutions)
        for resolution in resolutions:
            self.carry_out(resolution)


def _job(step: Feed | Resolution, effect: Infer) -> Job:
    return Job(
        step.session,
        step.call_id,
        effect.request,
        effect.is_urgent,
        effect.is_kept,
        arrived_ns=step.arrived_ns,
        offset=step.offset if effect.offset is None else effect.offset,
        is_early=effect.is_early,
        is_first=effect.is_first,
    )

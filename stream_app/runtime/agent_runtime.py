"""The runtime of an agent: its parts, and their life from the first assignment to the end."""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from faust.types import TP

from schemas.catalogue import spec_of
from stream_app.agents.definition import AgentDefinition
from stream_app.agents.limits import AUDIO_MS
from stream_app.agents.retry_policy import RetryPolicy
from stream_app.monitoring.health import Health
from stream_app.monitoring.metrics import Metrics
from stream_app.runtime.admission import Admission
from stream_app.runtime.context import RuntimeContext
from stream_app.runtime.effect_runner import EffectRunner
from stream_app.runtime.inference.queue import Job, RequestQueue
from stream_app.runtime.inference.runs import ModelRunner
from stream_app.runtime.inference.thread import InferenceThread
from stream_app.runtime.intake import Intake
from stream_app.runtime.memory.checkpoints import CheckpointStore
from stream_app.runtime.memory.machine_thread import MachineThread
from stream_app.runtime.memory.partitions import Consumer, Partitions
from stream_app.runtime.memory.under_way import UnderWay
from stream_app.runtime.model_watcher import ModelWatcher
from stream_app.runtime.output.outbox import Outbox
from stream_app.runtime.process_end import ProcessEnd, end_process
from stream_app.runtime.reading_pace import ReadingPace
from stream_app.runtime.stalls import StallMarker
from stream_app.runtime.watchdog import Gauges, Overload, Pulse, Watchdog
from stream_app.settings import Settings
from stream_app.transport.clients import TopicProducer, start_producer
from stream_app.transport.polls import Stream

FLUSH_TIMEOUT_S = 5.0
LINGER_MS = 10  # what a poll leads to leaves in few requests
MAX_FED_TOGETHER = 64  # bounds for how long results of the model wait behind inputs

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Connected:
    """The parts that there are once the runtime is connected."""

    consumer: Consumer
    outbox: Outbox
    inference: InferenceThread | None
    pace: ReadingPace
    effects: EffectRunner
    stalls: StallMarker
    intake: Intake


class AgentRuntime:
    """Everything between an agent's stream of events and its state machines.

    Args:
        settings: Of the worker.
        definition: Of the agent.
        under_way: Where what is at work is marked, with the suspects of earlier deaths.
        store: Of the agent's checkpoints; on the brokers of the settings by default.
        end: Ends the process after a failure.
    """

    def __init__(  # noqa: PLR0913 - keyword-only, for tests
        self,
        settings: Settings,
        definition: AgentDefinition,
        *,
        metrics: Metrics | None = None,
        under_way: UnderWay | None = None,
        store: CheckpointStore | None = None,
        end: Callable[[], None] = end_process,
    ) -> None:
        self.definition = definition
        self.metrics = metrics or Metrics(definition.name)
        self.health = Health(definition.name, settings.worker.max_silence_s)
        self.metrics.show(self.health)
        self._settings = settings
        self._store = store or _checkpoint_store(settings, definition)
        marks = under_way or UnderWay()
        process_end = ProcessEnd(definition.name, marks, drop=self._drop, end=end)
        self.partitions = Partitions(
            settings.kafka,
            definition,
            self._store,
            metrics=self.metrics,
            on_failure=process_end.fail_outside,
            under_way=marks,
        )
        machines = MachineThread(is_threaded=definition.has_model_in_feed)
        self.context = RuntimeContext(
            definition, self.metrics, self.partitions, machines, marks, process_end
        )
        self._producer: TopicProducer | None = None
        self._connected: _Connected | None = None

    async def start(self, consumer: Consumer) -> None:
        """Connect the producer and start the inference thread and the clock."""
        self._producer = await start_producer(self._settings.kafka, linger_ms=LINGER_MS)
        outbox = Outbox(
            self._producer,
            self._store,
            agent=self.definition.name,
            metrics=self.metrics,
            on_failure=self.context.process_end.fail_outside,
        )
        outbox.start()
        connected = self.connect(consumer, outbox)
        if connected.inference is not None:
            connected.inference.start()
        self._watch(connected)

    def connect(self, consumer: Consumer, outbox: Outbox) -> _Connected:
        """Return the parts that need a consumer and an outbox; nothing of them runs yet."""
        inference = self._make_inference()
        pace = ReadingPace(self.definition.limits, self.partitions, inference)
        effects = EffectRunner(self.context, outbox, inference, pace)
        stalls = StallMarker(self.definition, self.partitions, consumer, outbox)
        intake = Intake(
            self.context,
            consumer=consumer,
            outbox=outbox,
            effects=effects,
            stalls=stalls,
            admission=Admission(self._settings.overload.max_open_calls),
        )
        self._connected = _Connected(consumer, outbox, inference, pace, effects, stalls, intake)
        return self._connected

    async def flush(self) -> None:
        """Wait a little until what is under way is durable and acknowledged."""
        if self._connected is not None:
            try:
                async with asyncio.timeout(FLUSH_TIMEOUT_S):
                    await self._connected.outbox.flush()
            except TimeoutError:
                log.warning("outbox.not_flushed", agent=self.definition.name)

    async def stop(self) -> None:
        """Drop all memory and disconnect."""
        self.partitions.drop()
        await self.context.process_end.cancel()
        if self._connected is not None and self._connected.inference is not None:
            self._connected.inference.stop()
        self.context.machines.stop()
        if self._connected is not None:
            await self._connected.outbox.stop()
        if self._producer is not None:
            await self._producer.stop()

    def begin_generation(self, assigned: Iterable[TP]) -> None:
        """Forget everything and take up these partitions."""
        if self._connected is not None:
            self.partitions.begin(assigned, self._connected.consumer)
            self._release_dropped(self._connected)

    def end_generation(self) -> None:
        """Forget everything: the partitions may go to other workers."""
        self._drop()
        if self._connected is not None:
            self._release_dropped(self._connected)

    async def run(self, stream: Stream) -> None:
        """Process the events of a stream until it ends."""
        await self.context.process_end.guard(self._process(stream), blamed=("inputs",))

    async def _process(self, stream: Stream) -> None:
        assert self._connected is not None
        parts = self._connected
        async for event in stream.noack().events():
            poll = event.message
            poll.is_taken.set()
            for start in range(0, len(poll.messages), MAX_FED_TOGETHER):
                await parts.pace.wait()
                await parts.outbox.wait_for_room()
                await parts.intake.take(poll.messages[start : start + MAX_FED_TOGETHER])

    def _drop(self) -> None:
        self.partitions.drop()

    def _release_dropped(self, connected: _Connected) -> None:
        if connected.inference is not None:
            connected.inference.forget_dropped()
        connected.pace.review()

    def _watch(self, parts: _Connected) -> None:
        """Begin the looks of every second."""
        pulse = Pulse(self.partitions, parts.consumer, self.health, self._settings.kafka)
        gauges = Gauges(self.partitions, parts.consumer, self.metrics)
        looks = [pulse.look, gauges.look, self.check_threads, parts.stalls.look]
        if parts.inference is not None:
            inference = parts.inference
            looks.append(Overload(lambda: inference.dropped).look)
        process_end = self.context.process_end
        process_end.spawn(Watchdog(self.metrics, looks).run())
        if self.definition.watch is not None:
            process_end.spawn(ModelWatcher(self.definition.watch, self.metrics).run())

    def check_threads(self, _: float) -> None:
        """Do nothing while the threads of model and machines finish what they begin.

        Raises:
            InferenceError: One of them has been at the same for too long.
        """
        limits = self.definition.limits
        max_busy_s = limits.max_run_s or self._settings.overload.max_final_s
        self.context.machines.check(max_busy_s)
        inference = self._connected.inference if self._connected is not None else None
        if inference is None:
            return
        self.metrics.unfinished_requests.set(inference.unfinished)
        if limits.unit == AUDIO_MS:
            self.metrics.pending_audio_s.set(inference.unfinished_cost / 1000)
        inference.check(max_busy_s)

    def _make_inference(self) -> InferenceThread | None:
        definition = self.definition
        if definition.infer is None:
            return None
        queue = RequestQueue(
            self._settings.overload.no_partials_behind_s,
            definition.max_batch,
            definition.pace,
            max_urgent=definition.max_urgent,
        )
        process_end = self.context.process_end
        return InferenceThread(
            ModelRunner(definition.infer, self.metrics, self.context.under_way),
            queue,
            definition.retries or RetryPolicy(**self._settings.inference.model_dump()),
            metrics=self.metrics,
            on_result=self._take_result,
            on_failure=lambda error: process_end.fail(error, blamed=("requests",)),
        )

    def _take_result(self, job: Job, result: Any) -> None:
        if self._connected is not None:
            self._connected.effects.take_result(job, result)


def _checkpoint_store(settings: Settings, definition: AgentDefinition) -> CheckpointStore:
    return CheckpointStore(
        settings.kafka,
        definition.name,
        secrets.token_hex(4),
        kept_ms=spec_of(definition.input_topic).remembered_ms,
    )

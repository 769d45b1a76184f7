"""The runtime of an agent: events in, effects out, results back."""

import asyncio
import os
import secrets
import sys
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from faust.types import TP, Message

from schemas.errors import AudioFormatError, MalformedMessageError
from stream_app.calls.effects import Commit, Infer, Refuse
from stream_app.calls.ended_call import EndedCall
from stream_app.settings import Settings
from stream_app.topics import kept_ms
from stream_app.transport.admission import Admission
from stream_app.transport.batches import UnreadableBatch
from stream_app.transport.checkpoints import CheckpointStore
from stream_app.transport.clients import start_producer
from stream_app.transport.definitions import AgentDefinition
from stream_app.transport.failures import Failure
from stream_app.transport.feeds import Feed, Resolution, feed_all, resolve_all
from stream_app.transport.health import Health
from stream_app.transport.inference import InferenceThread, Job, RequestQueue
from stream_app.transport.machine_thread import MachineThread
from stream_app.transport.metrics import Metrics
from stream_app.transport.model_watcher import ModelWatcher
from stream_app.transport.outbox import AlertKind, Outbox
from stream_app.transport.partitions import Consumer, Partitions
from stream_app.transport.polls import Stream
from stream_app.transport.sessions import Machine, PartitionSession
from stream_app.transport.stalls import StallMarker
from stream_app.transport.under_way import AREAS, SET_ASIDE, Area, UnderWay, input_mark
from stream_app.transport.watchdog import Gauges, Pulse, Watchdog

FLUSH_TIMEOUT_S = 5.0
FAILURE_EXIT_CODE = 1
LINGER_MS = 10  # what a poll leads to leaves in few requests
MAX_FED_TOGETHER = 64  # bounds for how long results of the model wait behind inputs

log = structlog.get_logger(__name__)


def end_process() -> None:
    """End the process at once: nothing more is acknowledged, and another worker takes over."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(FAILURE_EXIT_CODE)


class AgentRuntime:
    """Everything between an agent's stream of events and its state machines.

    Args:
        settings: Of the whole worker.
        definition: Of the agent.
        under_way: Where what is at work is marked, with the suspects of earlier deaths.
        end: Ends the process after a failure.
    """

    def __init__(
        self,
        settings: Settings,
        definition: AgentDefinition,
        *,
        metrics: Metrics | None = None,
        under_way: UnderWay | None = None,
        end: Callable[[], None] = end_process,
    ) -> None:
        self.definition = definition
        self.metrics = metrics or Metrics(definition.name)
        self._settings = settings
        self._under_way = under_way or UnderWay()
        self._end = end
        self._store = CheckpointStore(
            settings.kafka,
            definition.name,
            secrets.token_hex(4),
            kept_ms=kept_ms(definition.input_topic),
        )
        self.partitions = Partitions(
            settings.kafka,
            definition,
            self._store,
            metrics=self.metrics,
            on_failure=self._fail_outside,
            under_way=self._under_way,
        )
        self.health = Health(settings.worker.max_silence_s)
        self.metrics.show(self.health)
        self._producer: AIOKafkaProducer | None = None
        self._outbox: Outbox | None = None
        self._inference: InferenceThread | None = None
        self._consumer: Consumer | None = None
        self._stalls: StallMarker | None = None
        self._admission = Admission(settings.overload.max_open_calls)
        self._max_pending_ms = int(settings.overload.max_pending_final_audio_s * 1000)
        self._room = asyncio.Event()
        self._results: list[tuple[Job, Any]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._machines = MachineThread(is_threaded=definition.has_model_in_feed)
        self._is_failed = False

    async def start(self, consumer: Consumer) -> None:
        """Connect the producer and start the inference thread and the clock."""
        self._consumer = consumer
        self._producer = await start_producer(self._settings.kafka, linger_ms=LINGER_MS)
        self._outbox = Outbox(
            self._producer,
            self._store,
            agent=self.definition.name,
            metrics=self.metrics,
            on_failure=self._fail_outside,
        )
        self._outbox.start()
        self._inference = self._make_inference()
        if self._inference is not None:
            self._inference.start()
        self._stalls = StallMarker(self.definition, self.partitions, consumer, self._outbox)
        pulse = Pulse(self.partitions, consumer, self.health, self._settings.kafka)
        gauges = Gauges(self.partitions, consumer, self.metrics)
        looks = (pulse.look, gauges.look, self._check_threads, self._stalls.look)
        self._spawn(Watchdog(self.metrics, looks).run())
        if self.definition.watch is not None:
            self._spawn(ModelWatcher(self.definition.watch, self.metrics).run())

    async def flush(self) -> None:
        """Wait a little until what is under way is durable and acknowledged."""
        if self._outbox is not None:
            try:
                async with asyncio.timeout(FLUSH_TIMEOUT_S):
                    await self._outbox.flush()
            except TimeoutError:
                log.warning("outbox.not_flushed", agent=self.definition.name)

    async def stop(self) -> None:
        """Drop all memory and disconnect."""
        self.partitions.drop()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._inference is not None:
            self._inference.stop()
        self._machines.stop()
        if self._outbox is not None:
            await self._outbox.stop()
        if self._producer is not None:
            await self._producer.stop()

    def begin_generation(self, assigned: Iterable[TP]) -> None:
        """Forget everything and take up these partitions."""
        if self._consumer is None:
            return
        self.partitions.begin(assigned, self._consumer)
        self._release_dropped()

    def end_generation(self) -> None:
        """Forget everything: the partitions may go to other workers."""
        self.partitions.drop()
        self._release_dropped()

    async def run(self, stream: Stream) -> None:
        """Process the events of a stream until it ends."""
        try:
            async for event in stream.noack().events():
                poll = event.message
                poll.is_taken.set()
                for start in range(0, len(poll.messages), MAX_FED_TOGETHER):
                    await self._wait_for_room()
                    await self.take(poll.messages[start : start + MAX_FED_TOGETHER])
        except Exception as error:  # the default of Faust would acknowledge the event
            self.fail(error, blamed=("inputs",))
            raise

    async def take(self, messages: Sequence[Message]) -> None:
        """Feed messages to the machines of their calls, and carry out what that leads to."""
        kept: list[tuple[PartitionSession, Message]] = []
        for message in messages:
            session = await self.partitions.session_of(message)
            if session is None or message.offset <= session.last_offset:
                continue
            if 0 <= session.last_offset < message.offset - 1:
                first = session.last_offset + 1
                self.note_skipped(message.tp, first, message.offset - first)
            session.keep(message)
            kept.append((session, message))
        self.metrics.events.inc(len(kept))
        sessions = {session for session, _ in kept}
        if self._stalls is not None:
            self._stalls.take_up(sessions, time.monotonic())
        feeds: list[Feed] = []
        for group in self._under_way.apart(kept, _mark_of_input):
            marks = [_mark_of_input(each) for each in group]
            async with self._under_way.alone_on_loop(marks):
                with self._under_way.marked("inputs", marks):
                    feeds += await self._feed(group)
        for session in sessions:
            session.fed_offset = session.last_offset
            session.forget_refused()
        if self._stalls is not None:
            self._stalls.hear(feeds, time.monotonic())

    async def _feed(self, kept: Sequence[tuple[PartitionSession, Message]]) -> list[Feed]:
        feeds = [self._feed_of(session, message) for session, message in kept]
        await self._machines.call(feed_all, feeds, self.definition.prepare)
        for feed in feeds:
            if feed.reason:
                self._tell_refusal(feed)
            if feed.machine is not None and not feed.is_refused and feed.session.is_current:
                feed.session.accept(feed.call_id)
            self._carry_out(feed)
        return feeds

    def _tell_refusal(self, feed: Feed) -> None:
        log.warning("message.refused", agent=self.definition.name, reason=feed.reason[:200])
        is_set_aside = feed.reason == SET_ASIDE
        if is_set_aside:
            self.metrics.quarantined_inputs.inc()
        if self._outbox is not None and feed.session.is_current:
            kind: AlertKind = "input_quarantined" if is_set_aside else "input_refused"
            self._outbox.alert(feed.session, feed.call_id, kind, offset=str(feed.offset))

    def _feed_of(self, session: PartitionSession, message: Message) -> Feed:
        call_id = (message.key or b"").decode(errors="replace")
        if self._under_way.is_convicted(input_mark(session.partition, message.offset)):
            return Feed.refused(session, call_id, message.offset, SET_ASIDE)
        if isinstance(message.value, UnreadableBatch):
            return Feed.refused(session, call_id, message.offset, message.value.reason)
        try:
            decoded = self.definition.decode(message.value or b"")
            call_id = decoded.call_id
            ended = session.ended(call_id)
            if ended is not None:
                return self._late(session, ended, decoded, message.offset)
        except (MalformedMessageError, AudioFormatError) as error:
            return Feed.refused(session, call_id, message.offset, str(error))
        machine = session.machine(call_id)
        if machine is None:
            if not self._admission.admits(self.partitions.open_calls):
                return self._not_admitted(session, call_id, message.offset)
            machine = self.definition.create(call_id)
            session.begin(call_id, machine)
        arrived_ns = self._arrived_ns(message)
        return Feed(session, call_id, message.offset, machine, decoded, arrived_ns=arrived_ns)

    def _arrived_ns(self, message: Message) -> int:
        now_ns = time.monotonic_ns()
        if self._consumer is None:
            return now_ns
        return self._consumer.log_clock(message.tp).arrived_ns(message.offset, now_ns)

    def note_skipped(self, tp: TP, first: int, count: int) -> None:
        """Tell of input that was no longer in the log when it was to be read; in any thread."""
        self.metrics.skipped_offsets.inc(count)
        log.error("input.expired", partition=tp.partition, first=first, messages=count)

    def _fail_outside(self, error: BaseException) -> None:
        """End the process for what no input or request has led to."""
        self.fail(error, blamed=())

    def fail(self, error: BaseException, *, blamed: Sequence[Area] = AREAS) -> None:
        """Log the error and end the process without acknowledging anything more.

        Args:
            error: Why.
            blamed: What may have led to it is among the work that is under way here.
        """
        if self._is_failed:
            return
        self._is_failed = True
        self._under_way.clear(*(area for area in AREAS if area not in blamed))
        self.partitions.drop()
        log.error("agent.failed", agent=self.definition.name, exc_info=error)
        self._end()

    def _late(self, session: PartitionSession, ended: EndedCall, message: Any, offset: int) -> Feed:
        """Return what comes of a message of a closed call."""
        self.metrics.late_events.inc()
        refuses, name = self.definition.refuses_late, self.definition.name
        is_refused = refuses is not None and refuses(message)
        effects = ended.take(message, offset, agent=name, is_refused=is_refused)
        return Feed(session, message.call_id, offset, effects=effects)

    def _not_admitted(self, session: PartitionSession, call_id: str, offset: int) -> Feed:
        """Return what comes of a message of a new call that would be one too many."""
        self.metrics.refused_calls.inc()
        reason = self._admission.reason
        if self._outbox is not None and self._admission.is_alert_due():
            log.error("call.not_admitted", agent=self.definition.name, reason=reason)
            self._outbox.alert(session, call_id, "too_many_calls", reason=reason)
        return Feed(session, call_id, offset, effects=(Refuse(offset, reason), Commit((offset,))))

    def _apply(self, step: Feed | Resolution) -> None:
        session, call_id = step.session, step.call_id
        if self._outbox is None or not session.is_current:
            return
        for effect in step.effects:
            if not isinstance(effect, Infer):
                self._outbox.put(session, call_id, effect)
            elif self._inference is not None:
                kind = (effect.is_urgent, effect.is_kept)
                job = Job(session, call_id, effect.request, *kind, step.arrived_ns)
                self._inference.submit(job)

    def _take_result(self, job: Job, result: Any) -> None:
        """Take in a result; those that come together are resolved together."""
        if isinstance(result, Failure):
            if self.definition.fail is None:
                self.fail(result.error)
                return
            self._note_failure(job, result)
            result = self.definition.fail(job.request)
        if not self._results:
            self._spawn(self._resolve_results(), blamed=("results",))
        self._results.append((job, result))

    def _note_failure(self, job: Job, failure: Failure) -> None:
        self.metrics.failed_requests.inc()
        name = type(failure.error).__name__
        reason = str(failure.error)[:200]
        log.error("inference.failed", agent=self.definition.name, error=name, reason=reason)
        if self._outbox is not None:
            self._outbox.alert(job.session, job.call_id, "inference_failed", error=name)

    async def _resolve_results(self) -> None:
        results, self._results = self._results, []
        for group in self._under_way.apart(results, lambda each: each[0].mark):
            marks = [job.mark for job, _ in group]
            async with self._under_way.alone_on_loop(marks):
                with self._under_way.marked("results", marks):
                    await self._resolve(group)
        self._room.set()

    async def _resolve(self, results: Sequence[tuple[Job, Any]]) -> None:
        resolutions = [
            Resolution(job.session, job.call_id, machine, result, job.arrived_ns)
            for job, result in results
            if (machine := job.session.machines.get(job.call_id)) is not None
        ]
        await self._machines.call(resolve_all, resolutions)
        for resolution in resolutions:
            self._carry_out(resolution)

    def _carry_out(self, step: Feed | Resolution) -> None:
        self._apply(step)
        if step.machine is not None:
            self.metrics.add_set_aside(step.machine.counters.gains())
            self._close_if_finished(step.session, step.call_id, step.machine)

    def _close_if_finished(self, session: PartitionSession, call_id: str, machine: Machine) -> None:
        if machine.is_closed and session.close(call_id):
            log.info("call.closed", agent=self.definition.name, call_id=call_id)

    async def _wait_for_room(self) -> None:
        while self._inference is not None and self._is_full(self._inference):
            self._room.clear()
            await self._room.wait()
        if self._outbox is not None:
            await self._outbox.wait_for_room()

    def _is_full(self, inference: InferenceThread) -> bool:
        """Return whether so much waits for the model that no more should be read."""
        if inference.pending_urgent_ms > self._max_pending_ms:
            return True
        limit = self.definition.max_unacknowledged
        return bool(limit) and inference.has_urgent and self.partitions.unacknowledged > limit

    def _release_dropped(self) -> None:
        if self._inference is not None:
            self._inference.forget_dropped()
        self._room.set()

    def _make_inference(self) -> InferenceThread | None:
        if self.definition.infer is None:
            return None
        max_age_s = self._settings.overload.no_partials_behind_s
        return InferenceThread(
            self.definition.infer,
            RequestQueue(
                max_age_s,
                self.definition.max_batch,
                self.definition.pace,
                max_urgent=self.definition.max_urgent,
            ),
            self.metrics,
            on_result=self._take_result,
            on_failure=lambda error: self.fail(error, blamed=("requests",)),
            under_way=self._under_way,
        )

    def _check_threads(self, _: float) -> None:
        max_busy_s = self._settings.overload.max_final_s
        self._machines.check(max_busy_s)
        if self._inference is not None:
            self.metrics.pending_audio_s.set(self._inference.pending_urgent_ms / 1000)
            self._inference.check(max_busy_s)

    def _spawn(self, work: Coroutine[Any, Any, None], *, blamed: Sequence[Area] = AREAS) -> None:
        task = asyncio.create_task(self._guarded(work, blamed))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None], blamed: Sequence[Area]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - without its clock a worker must not go on
            self.fail(error, blamed=blamed)


def _mark_of_input(kept: tuple[PartitionSession, Message]) -> bytes:
    session, message = kept
    return input_mark(session.partition, message.offset)

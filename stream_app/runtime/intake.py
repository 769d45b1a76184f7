"""Intake of an agent: messages decoded, refused or fed to the machines of their calls."""

import time
from collections.abc import Sequence
from typing import Any

import structlog
from faust.types import TP, Message

from schemas.errors import AudioFormatError, MalformedMessageError
from stream_app.calls.effects import Commit, Refuse
from stream_app.calls.ended_call import EndedCall
from stream_app.runtime.admission import Admission
from stream_app.runtime.context import RuntimeContext
from stream_app.runtime.effect_runner import EffectRunner, EffectSink
from stream_app.runtime.expiry import Expiry
from stream_app.runtime.memory.feeds import Feed, feed_all
from stream_app.runtime.memory.partitions import Consumer
from stream_app.runtime.memory.recollection import Recollection
from stream_app.runtime.memory.sessions import PartitionSession
from stream_app.runtime.memory.under_way import SET_ASIDE, input_mark
from stream_app.runtime.output.dead_letters import legal_call_id
from stream_app.runtime.output.outbox import MAX_TOLD, AlertKind
from stream_app.runtime.stalls import StallMarker
from stream_app.transport.batches import UnreadableBatch

log = structlog.get_logger(__name__)

Kept = tuple[PartitionSession, Message]


class Intake:
    """Takes messages to the machines of their calls.

    Args:
        context: Of the runtime.
        consumer: Knows when messages came to the log.
        outbox: Takes alerts.
        effects: Carries out what a message leads to.
        stalls: Is told which calls are heard of.
        admission: Decides on new calls.
    """

    def __init__(  # noqa: PLR0913 - keyword-only, the parts beside it
        self,
        context: RuntimeContext,
        *,
        consumer: Consumer,
        outbox: EffectSink,
        effects: EffectRunner,
        stalls: StallMarker,
        admission: Admission,
    ) -> None:
        self._context = context
        self._definition = context.definition
        self._consumer = consumer
        self._outbox = outbox
        self._effects = effects
        self._stalls = stalls
        self._admission = admission
        self._refusing = Recollection(MAX_TOLD)
        self._expiry = Expiry(consumer.log_begin)

    async def take(self, messages: Sequence[Message]) -> None:
        """Feed messages to the machines of their calls, and carry out what that leads to."""
        kept = await self._keep(messages)
        sessions = {session for session, _ in kept}
        self._stalls.take_up(sessions, time.monotonic())
        feeds: list[Feed] = []
        under_way = self._context.under_way
        for group in under_way.apart(kept, _mark):
            marks = [_mark(each) for each in group]
            async with under_way.alone_on_loop(marks):
                with under_way.marked("inputs", marks):
                    feeds += await self._feed(group)
        for session in sessions:
            session.fed_offset = session.last_offset
            session.forget_refused()
        self._stalls.hear(feeds, time.monotonic())

    async def _keep(self, messages: Sequence[Message]) -> list[Kept]:
        """Return the messages that are new, each with the memory of its partition."""
        kept: list[Kept] = []
        for message in messages:
            session = await self._context.partitions.session_of(message)
            if session is None or message.offset <= session.last_offset:
                continue
            if 0 <= session.last_offset < message.offset - 1:
                await self._tell_expired(message.tp, session.last_offset + 1, message.offset)
            session.keep(message)
            kept.append((session, message))
        return kept

    async def _tell_expired(self, tp: TP, first: int, end: int) -> None:
        count = await self._expiry.expired(tp, first, end)
        if count:
            self._context.note_skipped(tp, first, count)

    async def _feed(self, kept: Sequence[Kept]) -> list[Feed]:
        """Feed those whose generation has not ended while this waited for others or for its turn.

        In a dropped memory each would open its call anew, and be taken for the whole of it.
        """
        feeds = [self._feed_of(session, message) for session, message in kept if session.is_current]
        self._context.metrics.events.inc(len(feeds))
        model_s = await self._context.machines.call(feed_all, feeds, self._definition.prepare)
        self._context.metrics.feed_model_cpu_s.inc(model_s)
        for feed in feeds:
            if feed.reason:
                self._tell_refusal(feed)
            else:
                self._tell_first_refusal(feed)
            if feed.machine is not None and not feed.is_refused and feed.session.is_current:
                self._accept(feed)
            self._effects.carry_out(feed)
        return feeds

    def _accept(self, feed: Feed) -> None:
        if feed.session.accept(feed.call_id):
            log.info("call.opened", agent=self._definition.name, call_id=feed.call_id)

    def _tell_refusal(self, feed: Feed) -> None:
        self._log_refusal(feed, feed.offset, feed.reason)
        is_set_aside = feed.reason == SET_ASIDE
        if is_set_aside:
            self._context.metrics.quarantined_inputs.inc()
        if feed.session.is_current:
            kind: AlertKind = "input_quarantined" if is_set_aside else "input_refused"
            self._outbox.alert(feed.session, feed.call_id, kind, offset=str(feed.offset))

    def _tell_first_refusal(self, feed: Feed) -> None:
        """Log what a call refused first: it goes on, and may refuse every chunk from now on."""
        refusal = next((each for each in feed.effects if isinstance(each, Refuse)), None)
        key = (feed.session.partition, feed.session.generation, feed.call_id)
        if refusal is not None and key not in self._refusing:
            self._refusing.note(key)
            self._log_refusal(feed, refusal.offset, refusal.reason)

    def _log_refusal(self, feed: Feed, offset: int, reason: str) -> None:
        log.warning(
            "message.refused",
            agent=self._definition.name,
            call_id=legal_call_id(feed.call_id),
            topic=feed.session.tp.topic,
            partition=feed.session.partition,
            offset=offset,
            reason=reason[:200],
        )

    def _feed_of(self, session: PartitionSession, message: Message) -> Feed:
        call_id = (message.key or b"").decode(errors="replace")
        if self._context.under_way.is_convicted(input_mark(session.partition, message.offset)):
            return Feed.refused(session, call_id, message.offset, SET_ASIDE)
        if isinstance(message.value, UnreadableBatch):
            return Feed.refused(session, call_id, message.offset, message.value.reason)
        try:
            decoded = self._definition.decode(message.value or b"")
            call_id = decoded.call_id
            machine = session.machine(call_id)
            ended = session.ended(call_id) if machine is None else None
            if ended is not None and not ended.is_open_to(message.offset):
                return self._late(session, ended, decoded, message.offset)
        except (MalformedMessageError, AudioFormatError) as error:
            return Feed.refused(session, call_id, message.offset, str(error))
        if machine is None:
            if not self._admission.admits(self._context.partitions.open_calls):
                return self._not_admitted(session, call_id, message.offset)
            machine = self._definition.create(call_id)
            session.begin(call_id, machine)
        clock = self._consumer.log_clock(message.tp)
        arrived_ns = clock.arrived_ns(message.offset, time.monotonic_ns())
        return Feed(session, call_id, message.offset, machine, decoded, arrived_ns=arrived_ns)

    def _late(self, session: PartitionSession, ended: EndedCall, message: Any, offset: int) -> Feed:
        """Return the feed of a message of a closed call."""
        self._context.metrics.late_events.inc()
        refuses, name = self._definition.refuses_late, self._definition.name
        is_refused = refuses is not None and refuses(message)
        effects = ended.take(message, offset, agent=name, is_refused=is_refused)
        return Feed(session, message.call_id, offset, effects=effects)

    def _not_admitted(self, session: PartitionSession, call_id: str, offset: int) -> Feed:
        """Return the feed of a message of a new call that would be one too many."""
        self._context.metrics.refused_calls.inc()
        reason = self._admission.reason
        if self._admission.is_alert_due():
            log.error(
                "call.not_admitted",
                agent=self._definition.name,
                call_id=legal_call_id(call_id),
                reason=reason,
            )
            self._outbox.alert(session, call_id, "too_many_calls", reason=reason)
        return Feed(session, call_id, offset, effects=(Refuse(offset, reason), Commit((offset,))))


def _mark(kept: Kept) -> bytes:
    session, message = kept
    return input_mark(session.partition, message.offset)

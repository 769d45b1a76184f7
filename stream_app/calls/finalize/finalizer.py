"""One finalized call: the state machine of `finalize`.

It keeps the turns of a call in memory and acknowledges each at once. Its checkpoint is the offset
of the call's first message: after a takeover the shell reads the topic again from there up to the
first message that was not acknowledged, feeds these messages, and discards their effects.
"""

from collections.abc import Sequence
from typing import Self, TypeVar

import msgspec

from schemas.codec import encode_json
from schemas.operations import Checkpoint
from schemas.turns import (
    CallTurnsComplete,
    FinalizedCall,
    FinalizedTurn,
    Interruption,
    TurnEnded,
    TurnRevised,
    TurnTopicMessage,
)
from stream_app.calls.counters import CallCounters
from stream_app.calls.effects import Commit, Effect, Emit
from stream_app.calls.ended_call import EndedCall
from stream_app.calls.finalize.call_metrics import call_metrics
from stream_app.calls.first_offset import FIRST_OFFSET
from stream_app.calls.identifiers import event_id
from stream_app.calls.language_warning import UNDETERMINED

AGENT = "finalize"
OPEN_POSITION = (0,)
CLOSED_POSITION = (1,)

KeptT = TypeVar("KeptT", TurnEnded, TurnRevised, Interruption)


class FinalizeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a finalized call.

    Attributes:
        max_bytes: A larger one is abridged: a broker refuses messages over 4 MB.
        withholds_words: Of a call whose words do not look like their language. Of one that states
            a language which is not served, its transcripts have none already.
    """

    max_bytes: int = 3_900_000
    withholds_words: bool = False


class CallFinalizer:
    """One call of `finalize`.

    Turns are recognised by their event id, so that a message that was written twice counts
    once; the first one wins.

    Args:
        call_id: Of the call.
        config: Bounds of its result.

    Attributes:
        counters: Of what was set aside.
        ended: Where the call ended, None while it goes on; later messages are late.
    """

    def __init__(self, call_id: str, config: FinalizeConfig) -> None:
        self.counters = CallCounters()
        self.ended: EndedCall | None = None
        self._call_id = call_id
        self._config = config
        self._is_known = False
        self._turns: dict[str, TurnEnded] = {}
        self._revisions: dict[str, TurnRevised] = {}
        self._interruptions: dict[str, Interruption] = {}

    @classmethod
    def restore(cls, checkpoint: Checkpoint, config: FinalizeConfig) -> Self:
        """Return a machine to which an open call is fed again from its first message."""
        machine = cls(checkpoint.call_id, config)
        machine._is_known = True
        return machine

    @property
    def is_closed(self) -> bool:
        """Return whether the finalized call has been returned."""
        return self.ended is not None

    def feed(self, message: TurnTopicMessage, offset: int) -> Sequence[Effect]:
        """Return the effects of one message of the turns topic."""
        if self.is_closed:
            self.counters.late_events += 1
            return (Commit((offset,)),)
        if isinstance(message, CallTurnsComplete):
            return self._close(message, offset)
        if isinstance(message, TurnEnded):
            self._keep(self._turns, message)
        elif isinstance(message, TurnRevised):
            self._keep(self._revisions, message)
        elif isinstance(message, Interruption):
            self._keep(self._interruptions, message)
        if self._is_known:
            return (Commit((offset,)),)
        self._is_known = True
        return (Commit((offset,), self._checkpoint({FIRST_OFFSET: offset})),)

    def resolve(self, result: object) -> Sequence[Effect]:
        """Return nothing: the agent has no model."""
        del result
        return ()

    def _keep(self, kept: dict[str, KeptT], message: KeptT) -> None:
        first = kept.get(message.event_id)
        if first is None:
            kept[message.event_id] = message
            return
        self.counters.duplicates += 1
        self.counters.duplicate_mismatch += _content(first) != _content(message)

    def _close(self, complete: CallTurnsComplete, offset: int) -> Sequence[Effect]:
        turns = sorted(self._revised_turns(), key=lambda turn: (turn.start_ms, turn.channel))
        self.counters.missing_turns += max(0, complete.turns - len(turns))
        call = abridge(self._finalized(turns, complete), self._config.max_bytes)
        self.counters.abridged_calls += call.is_abridged
        self.ended = EndedCall(offset)
        self._turns.clear()
        self._revisions.clear()
        self._interruptions.clear()
        return (Emit(call), Commit((offset,), self._checkpoint(self.ended.to_state())))

    def _revised_turns(self) -> list[TurnEnded]:
        """Return the turns with the words of their latest revisions."""
        in_order = sorted(self._revisions.values(), key=lambda revision: revision.at_ms)
        latest = {revision.turn_id: revision for revision in in_order}
        return [
            msgspec.structs.replace(
                turn, text=latest[turn.turn_id].text, words=latest[turn.turn_id].words
            )
            if turn.turn_id in latest
            else turn
            for turn in self._turns.values()
        ]

    def _finalized(self, turns: Sequence[TurnEnded], complete: CallTurnsComplete) -> FinalizedCall:
        summary = complete.summary
        unserved = summary.unserved_language or ""
        if unserved == UNDETERMINED and self._config.withholds_words:
            turns = [msgspec.structs.replace(turn, text="", words=0) for turn in turns]
        return FinalizedCall(
            event_id=event_id(self._call_id, "finalized"),
            call_id=self._call_id,
            captured_at_ns=complete.captured_at_ns,
            end_reason=summary.end_reason,
            parties=summary.parties,
            turns=tuple(_finalized_turn(turn) for turn in turns),
            metrics=call_metrics(turns, tuple(self._interruptions.values()), summary),
            context=summary.context,
            models=summary.models,
            unserved_language=unserved or "",
        )

    def _checkpoint(self, state: dict[str, object]) -> Checkpoint:
        return Checkpoint(
            agent=AGENT,
            call_id=self._call_id,
            position=CLOSED_POSITION if self.is_closed else OPEN_POSITION,
            is_closed=self.is_closed,
            state=state,
        )


def abridge(call: FinalizedCall, max_bytes: int) -> FinalizedCall:
    """Return ``call`` in at most ``max_bytes`` of JSON; its metrics are those of the whole call.

    It loses its segment ids first, then turns from the middle, where a call matters least.
    """
    if len(encode_json(call)) <= max_bytes:
        return call
    turns = tuple(msgspec.structs.replace(turn, segment_ids=()) for turn in call.turns)
    abridged = msgspec.structs.replace(call, turns=turns, is_abridged=True)
    while turns and len(encode_json(abridged)) > max_bytes:
        kept = len(turns) * 3 // 4
        turns = turns[: (kept + 1) // 2] + turns[len(turns) - kept // 2 :]
        abridged = msgspec.structs.replace(abridged, turns=turns)
    return abridged


def _content(message: KeptT) -> KeptT:
    return msgspec.structs.replace(message, captured_at_ns=0)


def _finalized_turn(turn: TurnEnded) -> FinalizedTurn:
    return FinalizedTurn(
        turn_id=turn.turn_id,
        channel=turn.channel,
        party=turn.party,
        start_ms=turn.start_ms,
        end_ms=turn.end_ms,
        text=turn.text,
        segment_ids=turn.segment_ids,
        is_backchannel=turn.is_backchannel,
    )

"""The messages that a machine of turns emits, by their type."""

from collections.abc import Iterable, Sequence

from schemas.base import Message
from schemas.transcripts import TranscriptTopicMessage
from schemas.turns import Interruption, TurnEnded, TurnStarted
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.calls.detect_turns.turns import CallTurns
from stream_app.calls.effects import Commit, Effect, Emit
from tests.support.calls.turn_judges import FakeRouter, drive
from tests.support.calls.turn_lanes import CALL_ID, Said, lane


def run(
    messages: Iterable[TranscriptTopicMessage],
    machine: CallTurns | None = None,
    *,
    router: FakeRouter | None = None,
) -> list[Message]:
    """Return what a machine emits for ``messages``, its questions answered at once."""
    machine = machine or CallTurns(CALL_ID, TurnConfig(), router=router)
    effects = drive(machine, list(messages))
    return [effect.message for effect in effects if isinstance(effect, Emit)]


def ended(messages: Iterable[Message]) -> list[TurnEnded]:
    return [message for message in messages if isinstance(message, TurnEnded)]


def started(messages: Iterable[Message]) -> list[TurnStarted]:
    return [message for message in messages if isinstance(message, TurnStarted)]


def interruptions(messages: Iterable[Message]) -> list[Interruption]:
    return [message for message in messages if isinstance(message, Interruption)]


def say(*said: Said, router: FakeRouter | None = None) -> list[Message]:
    return run(lane(said), router=router)


def commits(effects: Sequence[Effect]) -> list[Commit]:
    return [effect for effect in effects if isinstance(effect, Commit)]

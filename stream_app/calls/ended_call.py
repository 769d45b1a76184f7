"""Input that comes under the id of a call that has ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, Self

from schemas.audio import AudioTopicMessage, CallEnded, CallStalled
from schemas.errors import MalformedMessageError
from schemas.operations import Alert
from stream_app.calls.effects import Commit, Effect, Emit, Refuse
from stream_app.calls.identifiers import event_id

UNKNOWN_END = -1


class LateMessage(Protocol):
    """A message of any topic, as far as an ended call needs it."""

    @property
    def call_id(self) -> str:
        """The call under whose id it came."""
        ...

    @property
    def captured_at_ns(self) -> int:
        """Wall clock of its source."""
        ...


@dataclass(slots=True)
class EndedCall:
    """Where a call ended: all that is kept of a closed call.

    Attributes:
        end_offset: Of the input that ended the call; -1 where its checkpoint is lost.
        has_alerted: An alert about input beyond the end was emitted.
        is_unanswered: The call is complete in one message, for which the model failed: the message
            is answered if it is sent again.
    """

    end_offset: int
    has_alerted: bool = False
    is_unanswered: bool = False

    @classmethod
    def unknown(cls) -> Self:
        """Return the end of a call whose checkpoint cannot be read: all its input is refused."""
        return cls(UNKNOWN_END)

    @classmethod
    def from_state(cls, state: Mapping[str, object]) -> Self:
        """Return the end that is in the checkpoint of a closed call.

        Raises:
            MalformedMessageError: It does not say where the call ended.
        """
        end_offset = state.get("end_offset")
        if not isinstance(end_offset, int):
            raise MalformedMessageError("the checkpoint of a closed call names no end")
        return cls(end_offset, is_unanswered=state.get("is_unanswered") is True)

    def to_state(self) -> dict[str, object]:
        """Return the state of a closed call's checkpoint."""
        unanswered = {"is_unanswered": True} if self.is_unanswered else {}
        return {"end_offset": self.end_offset, **unanswered}

    def is_open_to(self, offset: int) -> bool:
        """Return whether a message opens the call again: it failed, and this is sent anew."""
        return self.is_unanswered and offset > self.end_offset

    def take(
        self, message: LateMessage, offset: int, *, agent: str, is_refused: bool
    ) -> list[Effect]:
        """Return the effects of a message of the call.

        A message before the end was processed and is read again: it is dropped. One beyond it is
        refused, with one alert for the call, or dropped too.

        Args:
            message: As it came.
            offset: In the partition.
            agent: That read it.
            is_refused: Beyond the end such a message becomes a dead letter.
        """
        is_known = self.end_offset != UNKNOWN_END
        if is_known and (offset <= self.end_offset or not is_refused):
            return [Commit((offset,))]
        reason = f"input after the end of the call at offset {self.end_offset}"
        effects: list[Effect] = [Refuse(offset, reason if is_known else "its checkpoint is lost")]
        if not self.has_alerted:
            self.has_alerted = True
            effects.append(Emit(self._alert(message, agent)))
        return [*effects, Commit((offset,))]

    def _alert(self, message: LateMessage, agent: str) -> Alert:
        kind = "checkpoint_lost" if self.end_offset == UNKNOWN_END else "audio_after_end"
        return Alert(
            event_id=event_id(message.call_id, kind, self.end_offset),
            call_id=message.call_id,
            captured_at_ns=message.captured_at_ns,
            kind=kind,
            severity="warning",
            source=agent,
            details={"end_offset": str(self.end_offset)},
        )


def is_lost_audio(message: AudioTopicMessage) -> bool:
    """Return whether a message of the audio topic has content that its ended call lost.

    An end or a stall marker has none: gateways repeat CallEnded, and a worker's own markers may
    stand behind the end that the gateway wrote at the same moment. Any other message has: somebody
    speaks under an id that was used before.
    """
    return not isinstance(message, CallEnded | CallStalled)

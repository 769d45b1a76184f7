"""Return what comes of messages after the end of their call."""

from schemas.audio import AudioChunk, AudioTopicMessage
from schemas.operations import Alert
from stream_app.calls.effects import Commit, Effect, Emit, Refuse
from stream_app.calls.identifiers import event_id


class EndedCall:
    """Refuses audio after the end, with one alert; drops what a second reading brings again.

    Args:
        last_seq: Of the call's last chunk.
        agent: Who says so.
    """

    def __init__(self, call_id: str, last_seq: int, agent: str) -> None:
        self._call_id = call_id
        self._last_seq = last_seq
        self._agent = agent
        self._has_alerted = False
        self.dropped = 0

    def take(self, message: AudioTopicMessage, offset: int) -> list[Effect]:
        """Return the effects of a message."""
        effects: list[Effect] = []
        if isinstance(message, AudioChunk) and message.seq > self._last_seq:
            effects.append(Refuse(offset, "audio after the end of the call"))
            if not self._has_alerted:
                effects.append(Emit(self._alert(message)))
                self._has_alerted = True
        else:
            self.dropped += 1
        return [*effects, Commit((offset,))]

    def _alert(self, message: AudioChunk) -> Alert:
        return Alert(
            event_id=event_id(self._call_id, "audio_after_end", self._last_seq),
            call_id=self._call_id,
            captured_at_ns=message.captured_at_ns,
            kind="audio_after_end",
            severity="warning",
            source=self._agent,
            details={"last_seq": str(self._last_seq)},
        )

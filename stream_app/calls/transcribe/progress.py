"""Which inputs of a call are done, and the checkpoint from which a fresh worker goes on."""

from models.vad.front_end import warm_up_samples
from schemas.operations import Checkpoint
from stream_app.calls.effects import Commit
from stream_app.calls.ended_call import EndedCall
from stream_app.calls.transcribe.input.call_input import CallInput
from stream_app.calls.transcribe.input.sequence_point import to_position
from stream_app.calls.transcribe.lane.transcript_lane import ChannelResume, TranscriptLane
from stream_app.calls.transcribe.segmenter.call_channels import CallChannels
from stream_app.calls.transcribe.transcriber_state import AGENT


class CallProgress:
    """Acknowledges inputs once no channel needs their audio, each with a checkpoint.

    Args:
        call_id: Of the call.
        call_input: Whose inputs these are.
        lane: That queues a commit behind the messages that its inputs led to.
        channels: Know what of their audio was measured, compared, and when it was captured.
        model: Name and version of the weights.
    """

    def __init__(
        self,
        call_id: str,
        call_input: CallInput,
        lane: TranscriptLane,
        channels: CallChannels,
        model: str,
    ) -> None:
        self._call_id = call_id
        self._input = call_input
        self._lane = lane
        self._captures = channels.captures
        self._levels = channels.levels
        self._crosstalk = channels.crosstalk
        self._resumes: tuple[ChannelResume, ...] | None = None
        self._heard_from = self._horizon = 0
        self.model = model

    def acknowledge(self) -> None:
        """Acknowledge the inputs that no channel needs any more."""
        if self._lane.resumes is not self._resumes:
            self._resumes = self._lane.resumes
            self._heard_from = self._first_heard()
            self._horizon = self._crosstalk.needed_from(self._heard_from)
        offsets = self._input.release(min(self._horizon, self._levels.done))
        if offsets:
            self._captures.forget(self._horizon)
            self._commit(offsets, None)

    def acknowledge_all(self, *, before: int | None = None, ended: EndedCall | None = None) -> None:
        """Acknowledge all inputs: the channels are closed.

        Args:
            before: But this one, which is inserted again.
            ended: Where the call ended, None while it goes on.
        """
        offsets = self._input.release_all(before=before)
        if offsets:
            self._commit(offsets, ended)

    def _first_heard(self) -> int:
        """Return the first sample that a fresh worker would hear; 0 without channels."""
        channels, rate_hz = self._input.facts.layout
        needed_ms = [resume.point.needed_from_ms for resume in self._lane.resumes[:channels]]
        if not needed_ms:
            return 0
        return max(to_position(min(needed_ms), rate_hz) - warm_up_samples(rate_hz), 0)

    def _commit(self, offsets: tuple[int, ...], ended: EndedCall | None) -> None:
        self._lane.push(Commit(offsets, self._checkpoint(ended)))

    def _checkpoint(self, ended: EndedCall | None) -> Checkpoint:
        point, resumes = self._input.resume_point(), self._lane.resumes
        state: dict[str, object] = {
            "input": point,
            "channels": resumes,
            "model": self.model,
            "levels": self._levels.points_at(point.order),
            "crosstalk": self._crosstalk.state_before(self._heard_from),
        }
        progress_ms = sum(resume.point.origin_ms for resume in resumes)
        return Checkpoint(
            agent=AGENT,
            call_id=self._call_id,
            position=(int(ended is not None), point.resume_offset, progress_ms),
            is_closed=ended is not None,
            state=state if ended is None else ended.to_state(),
        )

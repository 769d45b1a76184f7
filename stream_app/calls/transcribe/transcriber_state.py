"""Configuration and checkpoint of a call of `transcribe`."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from models.asr.core.policy import DEFAULT_POLICY, PolicyConfig
from models.asr.writing.normalisation import WordStyle
from models.languages import unserved_language
from models.vad.front_end import ChannelFrontEnd
from stream_app.calls.transcribe.crosstalk.echo_state import EchoState
from stream_app.calls.transcribe.input.pending_inputs import InputPoint
from stream_app.calls.transcribe.lane.transcript_lane import ChannelResume
from stream_app.calls.transcribe.levels.channel_levels import LevelPoint
from stream_app.calls.transcribe.segmenter.segments import SegmentConfig

AGENT = "transcribe"


@dataclass(frozen=True, slots=True)
class TranscriberConfig:
    """What every call of a worker shares.

    Attributes:
        front_end: Makes the front end of a channel from the source's sample rate.
        segments: How channels are cut.
        partial_interval_ms: New audio between two partials of a segment.
        model: Name and version of the weights.
        policy: When words of a partial are committed.
        numbers: As spoken, or normalised as they are written.
        is_deterministic: Partials repeat byte for byte as finals do, and keep their order among the
            other messages; none is shed, and each is an exact decode.
        languages: Codes of what the weights write; empty where that is not known.
        withholds_words: Of a call whose stated language is none of them.
    """

    front_end: Callable[[int], ChannelFrontEnd]
    segments: SegmentConfig
    partial_interval_ms: int
    model: str
    policy: PolicyConfig = DEFAULT_POLICY
    numbers: WordStyle = "spoken"
    is_deterministic: bool = False
    languages: tuple[str, ...] = ()
    withholds_words: bool = False

    def unserved_language(self, tag: str) -> str:
        """Return the language that a call states and the weights do not serve; empty for none."""
        return unserved_language(tag, self.languages) if self.languages else ""


class TranscriberState(msgspec.Struct, frozen=True, kw_only=True):
    """What the checkpoint of an open call holds.

    Attributes:
        input: State of the input before the first message that is still needed.
        channels: Every channel that the call ever had; those of the present layout come first.
        model: Name and version of the weights.
        levels: Of every channel.
        crosstalk: What is known of the echoes between its channels.
    """

    input: InputPoint
    channels: tuple[ChannelResume, ...]
    model: str
    levels: tuple[LevelPoint, ...] = ()
    crosstalk: EchoState = EchoState()

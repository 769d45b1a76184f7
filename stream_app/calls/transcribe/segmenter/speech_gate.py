"""Speech and silence from the probabilities of frames, with hysteresis both ways."""

import msgspec

from models.vad.silero import FRAME_MS


class GateConfig(msgspec.Struct, frozen=True, kw_only=True):
    """When speech begins and when it ends.

    Attributes:
        speech_probability: A frame at or above it may begin speech.
        silence_probability: A frame below it may end speech.
        onset_frames: Number of such frames in a row that begin speech.
        hangover_frames: Number of frames that end it.
    """

    speech_probability: float = 0.5
    silence_probability: float = 0.35
    onset_frames: int = 3
    hangover_frames: int = 4

    @property
    def onset_ms(self) -> int:
        """Return the speech that must be heard before it counts."""
        return self.onset_frames * FRAME_MS


class SpeechGate:
    """Distinguishes speech from silence, one frame after another.

    Attributes:
        is_speech: The present state.
        last_speech_ms: End of the last frame that counted as speech.
        since_ms: Audio clock at which the present speech began.
    """

    def __init__(
        self, config: GateConfig, *, is_speech: bool, last_speech_ms: int, since_ms: int
    ) -> None:
        self._config = config
        self._onset_run = 0
        self._silence_run = 0
        self.is_speech = is_speech
        self.last_speech_ms = last_speech_ms
        self.since_ms = since_ms

    @property
    def is_silence(self) -> bool:
        """Return whether there is silence without a begun onset."""
        return not self.is_speech and self._onset_run == 0

    def update(self, probability: float, end_ms: int) -> None:
        """Take in the frame that ends at ``end_ms``."""
        if self.is_speech:
            self._update_speech(probability, end_ms)
        else:
            self._update_silence(probability, end_ms)

    def _update_speech(self, probability: float, end_ms: int) -> None:
        if probability >= self._config.silence_probability:
            self._silence_run = 0
            self.last_speech_ms = end_ms
            return
        self._silence_run += 1
        if self._silence_run >= self._config.hangover_frames:
            self.is_speech = False
            self._onset_run = 0

    def _update_silence(self, probability: float, end_ms: int) -> None:
        is_loud = probability >= self._config.speech_probability
        self._onset_run = self._onset_run + 1 if is_loud else 0
        if self._onset_run >= self._config.onset_frames:
            self.is_speech = True
            self._silence_run = 0
            self.since_ms = end_ms - self._config.onset_ms
            self.last_speech_ms = end_ms

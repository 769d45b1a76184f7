"""The online recognizer: insert audio, process for a partial, finish for the final."""

from models.asr.agreement import LocalAgreement, PartialHypothesis
from models.asr.buffer import UtteranceBuffer
from models.asr.engine import DEFAULT_OPTIONS, DecodeOptions, SpeechEngine
from models.asr.guards import DEFAULT_GUARDS, GuardConfig, GuardedHypothesis, apply_guards
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray


class OnlineRecognizer:
    """Partials and the final of one utterance after the other, on one thread.

    The live path drives the same parts itself, so that decodes of many calls can be queued.

    Args:
        engine: Speech engine.
        options: Language, hot-words.
        guards: Limits of belief.
    """

    def __init__(
        self,
        engine: SpeechEngine,
        *,
        options: DecodeOptions = DEFAULT_OPTIONS,
        guards: GuardConfig = DEFAULT_GUARDS,
    ) -> None:
        self._engine = engine
        self._options = options
        self._guards = guards
        self._buffer = UtteranceBuffer(engine.max_samples * 1000 // SAMPLE_RATE_HZ)
        self._agreement = LocalAgreement()

    @property
    def audio_ms(self) -> int:
        """Return the duration of the utterance so far."""
        return self._buffer.duration_ms

    def insert(self, samples: FloatArray) -> None:
        """Append 16 kHz mono audio to the utterance.

        Raises:
            UtteranceOverflowError: Longer than the engine decodes at once; ``finish`` first.
        """
        self._buffer.append(samples)

    def process(self) -> PartialHypothesis:
        """Return what the utterance sounds like so far; decodes all of it."""
        return self._agreement.update(self._decoded().hypothesis)

    def finish(self) -> GuardedHypothesis:
        """Return the final, one fresh decode of the whole utterance, and begin the next one."""
        final = self._decoded()
        self._buffer.clear()
        self._agreement = LocalAgreement()
        return final

    def _decoded(self) -> GuardedHypothesis:
        samples = self._buffer.samples
        return apply_guards(self._engine.transcribe(samples, self._options), samples, self._guards)

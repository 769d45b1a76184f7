"""The online recognizer: insert audio, process for a partial, finish for the final."""

from models.asr.agreement import PartialHypothesis
from models.asr.buffer import UtteranceBuffer
from models.asr.engine import DEFAULT_OPTIONS, DecodeOptions, SpeechEngine, SpeechRequest
from models.asr.guards import DEFAULT_GUARDS, GuardConfig, GuardedHypothesis, apply_guards
from models.asr.policies import DEFAULT_POLICY, PolicyConfig, make_policy
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray


class OnlineRecognizer:
    """Partials and the final of one utterance after the other, on one thread.

    The live path drives the same parts itself, so that decodes of many calls can be queued.

    Args:
        engine: Speech engine.
        options: Language, hot-words.
        guards: Limits of belief.
        policy: When words of a partial are committed.
    """

    def __init__(
        self,
        engine: SpeechEngine,
        *,
        options: DecodeOptions = DEFAULT_OPTIONS,
        guards: GuardConfig = DEFAULT_GUARDS,
        policy: PolicyConfig = DEFAULT_POLICY,
    ) -> None:
        self._engine = engine
        self._options = options
        self._guards = guards
        self._buffer = UtteranceBuffer(engine.max_samples * 1000 // SAMPLE_RATE_HZ)
        self._policy_config = policy
        self._policy = make_policy(policy)
        self._draft: tuple[int, ...] = ()

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
        """Return what the utterance sounds like so far; decodes all of it if the policy asks."""
        if not self._policy.wants_partials:
            return self._policy.last
        guarded = self._decoded(draft=self._draft, is_exact=False)
        self._draft = guarded.hypothesis.tokens
        return self._policy.update(guarded.hypothesis)

    def finish(self) -> GuardedHypothesis:
        """Return the final, one fresh decode of the whole utterance, and begin the next one."""
        final = self._decoded()
        self._buffer.clear()
        self._policy = make_policy(self._policy_config)
        self._draft = ()
        return final

    def _decoded(self, *, draft: tuple[int, ...] = (), is_exact: bool = True) -> GuardedHypothesis:
        samples = self._buffer.samples
        request = SpeechRequest(samples, self._options, draft=draft, is_exact=is_exact)
        (hypothesis,) = self._engine.transcribe_batch([request])
        return apply_guards(hypothesis, samples, self._guards)

"""When a turn is over: by its silence, and by the end-of-turn model's answer about its text.

| known of the text                      | the turn ends after                           |
|----------------------------------------|-----------------------------------------------|
| nothing: no model, or not its language | ``silence_ms``                                |
| probability at or above the threshold  | ``complete_silence_ms``                       |
| probability between the two            | ``uncertain_silence_ms``                      |
| at or below ``incomplete_probability`` | ``incomplete_silence_ms``                     |
| it ends within a dictation             | ``dictation_silence_ms``, if that is longer   |
| it ends with a complete dictation      | ``silence_ms``, if the above is longer        |
| another party has interrupted          | ``silence_ms``, if the above is longer        |

All of these apply once its finals are there; ``ceiling_ms`` ends it in any case.
"""

from collections.abc import Mapping

import msgspec

from schemas.turns import TurnEndReason
from stream_app.calls.detect_turns.backchannels import BACKCHANNELS
from stream_app.calls.detect_turns.dictation.rules import Dictation


class TurnConfig(msgspec.Struct, frozen=True, kw_only=True):
    """When turns end, and what counts as an interruption.

    Attributes:
        complete_silence_ms: Silence that ends a turn whose text is complete.
        silence_ms: Silence that ends a turn whose text was not judged.
        uncertain_silence_ms: Silence that ends a turn whose text may be complete or not.
        incomplete_silence_ms: Silence that ends a turn whose text is incomplete.
        dictation_silence_ms: Silence that ends a turn within a dictation.
        ceiling_ms: Silence that ends any turn, without its finals too.
        complete_probability: From here on a text is complete.
        incomplete_probability: Up to here a text is incomplete.
        thresholds: Other values of ``complete_probability``, by variant of the model.
        prediction_margin: How far below the threshold a prediction is withdrawn.
        max_turn_ms: A longer turn is split at the next final, so that its state stays small.
        interruption_ms: Overlap from which it counts as an interruption.
        established_ms: Speech of a party after which speech of another counts as an interruption.
        edge_lag_ms: Longest time between the end of speech and its ``end`` edge.
        backchannel_ms: Speech of the longest acknowledgement or remark.
        backchannels: Words and phrases of which acknowledgements consist.
        remark_words: Most words of a remark, see `backchannels`.
        doubtful_confidence: Mean confidence of a channel's words below which they do not look
            like the language that they were decoded as; 0 doubts nothing.
        withholds_words: Of a call whose words do not look like it.
        reply_ms: Longer speech in another party's pause is a reply before its words are known.
        resume_ms: How long an acknowledgement in a pause waits for the other party to go on.
    """

    complete_silence_ms: int = 400
    silence_ms: int = 700
    uncertain_silence_ms: int = 1_000
    incomplete_silence_ms: int = 2_000
    dictation_silence_ms: int = 2_200
    ceiling_ms: int = 3_000
    complete_probability: float = 0.65
    incomplete_probability: float = 0.3
    thresholds: Mapping[str, float] = {}
    prediction_margin: float = 0.1
    max_turn_ms: int = 120_000
    interruption_ms: int = 500
    established_ms: int = 200
    edge_lag_ms: int = 160
    backchannel_ms: int = 3_000
    backchannels: tuple[str, ...] = BACKCHANNELS
    remark_words: int = 3
    resume_ms: int = 1_000
    reply_ms: int = 1_000
    doubtful_confidence: float = 0.0
    withholds_words: bool = False

    def threshold(self, variant: str) -> float:
        """Return the probability from which a variant of the model calls a text complete."""
        return self.thresholds.get(variant, self.complete_probability)


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a turn beside its silence.

    Attributes:
        probability: Semantic end-of-turn probability, -1 where no model was asked.
        threshold: From which the text is complete.
        dictation: Whether the text ends in a dictation.
        has_yielded: It fell silent when another party interrupted.
        is_pending: A final is still to come.
    """

    probability: float = -1.0
    threshold: float = 1.0
    dictation: Dictation = "none"
    has_yielded: bool = False
    is_pending: bool = False

    @property
    def is_unfinished(self) -> bool:
        """Return whether the text was judged not to be complete, and nobody took the turn."""
        is_incomplete = 0 <= self.probability < self.threshold
        return is_incomplete and self.dictation != "complete" and not self.has_yielded


class Endpointer:
    """Decides when a turn is over; see the table of the module.

    Args:
        config: The silences.
    """

    def __init__(self, config: TurnConfig) -> None:
        self._config = config

    def reason(self, silence_ms: int, spoken: Spoken) -> TurnEndReason | None:
        """Return why a turn is over, None while it goes on.

        Args:
            silence_ms: Silence of the channel since the turn's last speech.
            spoken: What is known of the turn.
        """
        config = self._config
        if spoken.is_pending or silence_ms < self.needed_ms(spoken):
            return "ceiling" if silence_ms >= config.ceiling_ms else None
        if silence_ms < config.silence_ms:
            return "semantic"
        return "interrupted" if spoken.has_yielded else "silence"

    def needed_ms(self, spoken: Spoken) -> int:
        """Return the silence that ends a turn whose finals are all there."""
        config = self._config
        if spoken.probability < 0:
            return config.silence_ms
        needed_ms = self._semantic_ms(spoken)
        if spoken.dictation == "open":
            needed_ms = max(needed_ms, config.dictation_silence_ms)
        if spoken.dictation == "complete" or spoken.has_yielded:
            needed_ms = min(needed_ms, config.silence_ms)
        return needed_ms

    def _semantic_ms(self, spoken: Spoken) -> int:
        if spoken.probability >= spoken.threshold:
            return self._config.complete_silence_ms
        if spoken.probability <= self._config.incomplete_probability:
            return self._config.incomplete_silence_ms
        return self._config.uncertain_silence_ms

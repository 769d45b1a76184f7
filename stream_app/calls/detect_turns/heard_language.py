"""Whether what a party says looks like the language that it was decoded as.

Weights that know one language write words of it over any other, with little confidence. The mean
of the calibrated confidences tells: see ADR 42 for what was measured. It costs a sum for each
final, and the answer stands once it is given.
"""

import msgspec

from schemas.transcripts import TranscriptFinal

FEWEST_WORDS = 30  # fewer tell nothing
CALIBRATED = "en"  # the language of the weights whose confidences were measured


class HeardWords(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The words of a channel so far.

    Attributes:
        words: How many.
        confidence: Sum of their confidences.
    """

    words: int = 0
    confidence: float = 0.0

    @property
    def mean_confidence(self) -> float:
        """Return the mean of the confidences; 1 without words."""
        return self.confidence / self.words if self.words else 1.0

    def add(self, final: TranscriptFinal) -> None:
        """Take in the words of a final that was decoded as the calibrated language."""
        if final.language == CALIBRATED:
            self.words += len(final.words)
            self.confidence += sum(word.confidence for word in final.words)

    def is_doubtful(self, least_confidence: float) -> bool:
        """Return whether enough words have less confidence than the language would give."""
        return self.words >= FEWEST_WORDS and self.mean_confidence < least_confidence

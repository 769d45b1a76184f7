"""Return when a turn is over, and what may be said of it before.

Endpointing rests on silence. A semantic model has its place here: a machine with an
`EndOfTurnModel` asks it for the probability of each final's text by an `Infer` effect, holds back
what follows on the lane until `resolve` brings the answer, and an `Endpointer` weighs the two.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from schemas.transcripts import TranscriptPartial
from schemas.turns import TurnEndPredicted, TurnEndReason

BACKCHANNELS = (
    *("yes", "yeah", "yep", "no", "okay", "ok", "right", "sure", "uh-huh", "mm-hmm", "mhm"),
    *("hmm", "uh", "um", "oh", "ah", "i see", "all right", "alright", "got it", "great"),
)


class TurnConfig(msgspec.Struct, frozen=True, kw_only=True):
    """When turns end, and what counts as an interruption.

    Attributes:
        silence_ms: Silence of a channel that ends its turn once its finals are there.
        ceiling_ms: Silence that ends it without them.
        max_turn_ms: A longer turn is split at the next final, so that its state stays small.
        interruption_ms: Overlap from which it counts as an interruption.
        established_ms: Speech of a party before the other one's counts as breaking in.
        edge_lag_ms: At most so much later than the speech comes its ``end`` edge.
        backchannel_ms: Speech of the longest backchannel.
        backchannels: Words and phrases of which they consist.
    """

    silence_ms: int = 700
    ceiling_ms: int = 3_000
    max_turn_ms: int = 120_000
    interruption_ms: int = 500
    established_ms: int = 200
    edge_lag_ms: int = 160
    backchannel_ms: int = 1_000
    backchannels: tuple[str, ...] = BACKCHANNELS


class EndOfTurnModel(Protocol):
    """Judges texts, many calls at once; runs on the inference thread."""

    def probabilities(self, texts: Sequence[str]) -> Sequence[float]:
        """Return for each text the probability that its speaker has finished, 0 to 1."""
        ...


class TurnPredictor(Protocol):
    """Foretells the end of a turn for screens, in the volatile lane."""

    def predict(self, turn_id: str, partial: TranscriptPartial) -> TurnEndPredicted | None:
        """Return what a partial of an open turn foretells or withdraws, if anything."""
        ...


class Endpointer(Protocol):
    """Decides when a turn is over."""

    def reason(
        self, silence_ms: int, probability: float, *, is_pending: bool
    ) -> TurnEndReason | None:
        """Return why the turn is over, None while it goes on.

        Args:
            silence_ms: Silence of the channel since the turn's last speech.
            probability: Semantic end-of-turn probability, -1 where no model judged.
            is_pending: A final of the turn is still to come.
        """
        ...


class SilenceEndpointer:
    """Ends a turn on silence alone."""

    def __init__(self, config: TurnConfig) -> None:
        self._config = config

    def reason(
        self, silence_ms: int, probability: float, *, is_pending: bool
    ) -> TurnEndReason | None:
        """Return why the turn is over; see `Endpointer`."""
        del probability  # silence decides
        if silence_ms >= self._config.silence_ms and not is_pending:
            return "silence"
        return "ceiling" if silence_ms >= self._config.ceiling_ms else None

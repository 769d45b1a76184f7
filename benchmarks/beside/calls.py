"""Generated calls as finalized ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.base import CallContext
from schemas.turns import CallMetrics, FinalizedCall, FinalizedTurn
from training.analytics.composed.generator import generate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.base import Party
    from training.analytics.corpus.examples import Example

CALLS = 100
NOISE_SHARE = 0.3  # of the calls, as a recognizer writes them
PARTIES: tuple[Party, ...] = ("agent", "customer")
TURN_MS = 5_000


def finalized_calls() -> list[FinalizedCall]:
    """Return calls of the generator's test split; the ids are those of examples."""
    return [_call(each) for each in generate("test", CALLS, seed=1, noise_share=NOISE_SHARE)]


def _call(example: Example) -> FinalizedCall:
    turns = tuple(_turns(example))
    metrics = CallMetrics(
        duration_ms=len(turns) * TURN_MS,
        silence_ms=0,
        silence_share=0.0,
        overlap_ms=0,
        interruptions=0,
        hold_ms=0,
        holds=0,
        turns=len(turns),
        words=sum(len(turn.text.split()) for turn in turns),
        gap_ms=0,
        channels=(),
    )
    return FinalizedCall(
        event_id=f"{example.id}/finalized",
        call_id=example.id,
        captured_at_ns=0,
        end_reason="completed",
        parties=PARTIES,
        turns=turns,
        metrics=metrics,
        context=CallContext(),
    )


def _turns(example: Example) -> Iterator[FinalizedTurn]:
    for number, turn in enumerate(example.turns):
        channel, start_ms = PARTIES.index(turn.party), number * TURN_MS
        yield FinalizedTurn(
            turn_id=f"{example.id}/turn/{channel}/{start_ms}",
            channel=channel,
            party=turn.party,
            start_ms=start_ms,
            end_ms=start_ms + TURN_MS,
            text=turn.text,
            segment_ids=(),
        )

"""Turns of a call in progress: how many there were, and which ones are answered."""

from collections.abc import Sequence

from schemas.turns import TurnEnded


def is_due(turn: TurnEnded, earlier: Sequence[TurnEnded], *, every: int) -> bool:
    """Return whether a turn is one of every ``every``, acknowledgements not counted."""
    return not turn.is_backchannel and counted(turn, earlier) % every == 0


def counted(turn: TurnEnded, earlier: Sequence[TurnEnded]) -> int:
    """Return the number of turns so far, acknowledgements not counted."""
    return sum(not each.is_backchannel for each in (*earlier, turn))

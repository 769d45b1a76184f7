"""Calls as people write them down: a line a turn, with a mark of who speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.classification.corpus.rows import RowTurn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.base import Party

_PARTIES: dict[str, Party] = {"A": "agent", "C": "customer", "U": "unknown"}


def marked_turns(text: str) -> Iterator[RowTurn]:
    """Yield the turns of lines such as ``A: Good morning``.

    Args:
        text: Lines that begin with ``A`` for the agent, ``C`` for the customer (whoever calls) or
            ``U`` for an unknown party.

    Raises:
        ValueError: A line is of another form.
    """
    for line in text.strip().splitlines():
        mark, separator, said = line.partition(": ")
        if mark not in _PARTIES or not separator or not said.strip():
            raise ValueError(f"{line!r} is not 'A: ..', 'C: ..' or 'U: ..'")
        yield RowTurn(_PARTIES[mark], said.strip())

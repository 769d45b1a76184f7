"""How many tokens a text has, and by whose measure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

BASE = "smollm2-135m"
CHARACTERS_PER_TOKEN = 4


class TokenCounter(NamedTuple):
    """Counts tokens.

    Attributes:
        name: Whose tokens they are, or that they are estimated.
        count: Returns the number of tokens of a text.
    """

    name: str
    count: Callable[[str], int]


ESTIMATED = TokenCounter(
    f"an estimate: {CHARACTERS_PER_TOKEN} characters a token "
    f"(`callstream models fetch {BASE}` gives a tokenizer)",
    lambda text: -(-len(text) // CHARACTERS_PER_TOKEN),
)

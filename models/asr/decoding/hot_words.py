"""A bias towards hot-words: bonuses for the tokens that begin or continue one of them.

Source: contextual biasing by an Aho-Corasick automaton as in the shallow fusion of k2 and
sherpa. A beam takes back the bonus of a phrase that breaks off; greedy decoding has no rival
hypothesis that would gain by it.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ROOT = 0
BEGIN_SHARE = 0.5


@dataclass(slots=True)
class _Node:
    """A beginning of a hot-word.

    Attributes:
        children: Longer ones, by their last token.
        fallback: The longest proper suffix of it that is one too.
        is_whole: A hot-word ends with it.
        given: Bonus of all of its tokens.
        unearned: Of those since a hot-word last ended in it: lost if it breaks off here.
    """

    children: dict[int, int] = field(default_factory=dict)
    fallback: int = ROOT
    is_whole: bool = False
    given: float = 0.0
    unearned: float = 0.0


class HotWordBias:
    """Token sequences as a trie with failure arcs; immutable, shared by any number of decodes.

    A state is a number: the longest beginning of a hot-word that the text so far ends with. Where
    a hot-word breaks off, the state falls back to the next longest beginning, so the bonus of
    what broke off is gone at once and a hot-word that begins inside another is not missed.

    Args:
        sequences: Tokens of the hot-words, each with every spelling wanted; empty ones are
            left out.
        bonus: Added to the log-probability of a token that continues a hot-word.
        begin_share: Share of it for a token that begins one: a beginning has less to go by.

    Raises:
        ValueError: A negative bonus, or a share beyond 0 to 1.
    """

    def __init__(
        self,
        sequences: Sequence[tuple[int, ...]],
        bonus: float,
        *,
        begin_share: float = BEGIN_SHARE,
    ) -> None:
        if bonus < 0 or not 0 <= begin_share <= 1:
            raise ValueError(f"bonus {bonus} and begin_share {begin_share}: give >= 0 and 0 to 1")
        self._bonus = bonus
        self._begin_bonus = bonus * begin_share
        self._nodes = [_Node()]
        for sequence in sequences:
            self._insert(sequence)
        self._link()
        self._bonuses: dict[int, dict[int, float]] = {}
        self._changes: dict[int, tuple[float, dict[int, float]]] = {}

    def start(self) -> int:
        """Return the state before the first token."""
        return ROOT

    def advance(self, state: int, token: int) -> int:
        """Return the state after one more token of the text."""
        while token not in self._nodes[state].children:
            if state == ROOT:
                return ROOT
            state = self._nodes[state].fallback
        return self._nodes[state].children[token]

    def bonuses(self, state: int) -> Mapping[int, float]:
        """Return what to add to the log-probabilities of some tokens; no others change."""
        if state not in self._bonuses:
            self._bonuses[state] = self._bonuses_of(state)
        return self._bonuses[state]

    def changes(self, state: int) -> tuple[float, Mapping[int, float]]:
        """Return what the next token changes in a hypothesis' bonus: most of them, and some.

        A token that goes on with a hot-word adds its bonus; one with which it breaks off takes
        back what was given for it, but for what then begins.
        """
        if state not in self._changes:
            lost = -self._nodes[state].unearned
            children = self._nodes[state].children
            self._changes[state] = (
                lost,
                {
                    token: bonus if token in children else lost + self._nodes[after].given
                    for token, bonus in self.bonuses(state).items()
                    for after in (self.advance(state, token),)
                },
            )
        return self._changes[state]

    def _bonuses_of(self, state: int) -> dict[int, float]:
        bonuses = dict.fromkeys(self._nodes[ROOT].children, self._begin_bonus)
        while state != ROOT:
            bonuses.update(dict.fromkeys(self._nodes[state].children, self._bonus))
            state = self._nodes[state].fallback
        return bonuses

    def _insert(self, sequence: tuple[int, ...]) -> None:
        state = ROOT
        for token in sequence:
            children = self._nodes[state].children
            if token not in children:
                children[token] = len(self._nodes)
                self._nodes.append(_Node())
            state = children[token]
        self._nodes[state].is_whole = state != ROOT

    def _link(self) -> None:
        """Point each node to the longest proper suffix of its tokens that begins a hot-word.

        Shorter ones come first, so that what a node takes from its parent and its suffix is known.
        """
        queue = deque([ROOT])
        while queue:
            parent = queue.popleft()
            before = self._nodes[parent]
            bonus = self._begin_bonus if parent == ROOT else self._bonus
            for token, child in before.children.items():
                node = self._nodes[child]
                if parent != ROOT:
                    node.fallback = self.advance(before.fallback, token)
                node.is_whole |= self._nodes[node.fallback].is_whole
                node.given = before.given + bonus
                node.unearned = 0.0 if node.is_whole else before.unearned + bonus
                queue.append(child)


def hot_word_spellings(hot_word: str) -> tuple[str, ...]:
    """Return the texts whose tokens stand for a hot-word, each with the space before it.

    As given, in lower case and capitalised: what Whisper writes depends on the weights and on
    where in the sentence it stands. Nothing for a blank one.
    """
    words = hot_word.split()
    given = " ".join(words)
    capitalised = " ".join(word[0].upper() + word[1:] for word in words)
    spellings = dict.fromkeys((given, given.lower(), capitalised))
    return tuple(f" {spelling}" for spelling in spellings if spelling)

"""Local agreement: words are committed once two updates in a row agree upon them.

Source: Liu et al. 2020, arXiv:2005.11185; the online interface of ufal/whisper_streaming.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from models.asr.core.hypothesis import Hypothesis, Word, bare_text


@dataclass(frozen=True, slots=True)
class PartialHypothesis:
    """What an utterance sounds like so far.

    Attributes:
        committed: Words that no later partial of the utterance takes back.
        tentative: Words after them that may still change.
        stability: Share of the words that are committed, 0 to 1; 0 for no words.
        decoded_ms: Audio of the utterance that this is based on.
    """

    committed: tuple[Word, ...] = ()
    tentative: tuple[Word, ...] = ()
    stability: float = 0.0
    decoded_ms: int = 0

    @property
    def words(self) -> tuple[Word, ...]:
        """Return all words, the committed ones first."""
        return self.committed + self.tentative


class LocalAgreement:
    """The policy's memory of one utterance: its last partial, nothing else.

    Args:
        last: Partial to go on from, after a take-over.
    """

    wants_partials = True

    def __init__(self, last: PartialHypothesis | None = None) -> None:
        self._last = last or PartialHypothesis()

    @property
    def last(self) -> PartialHypothesis:
        """Return the last partial; an empty one at first."""
        return self._last

    def update(self, hypothesis: Hypothesis) -> PartialHypothesis:
        """Return the next partial, given a decode of the utterance from its beginning.

        Its committed words begin with those of the last partial, whatever the hypothesis says.
        """
        rest = words_after(self._last.committed, hypothesis.words)
        agreed = len(agreed_prefix(self._last.tentative, rest))
        self._last = extend_partial(self._last, rest, agreed, hypothesis.duration_ms)
        return self._last


def extend_partial(
    last: PartialHypothesis, rest: tuple[Word, ...], commit: int, decoded_ms: int
) -> PartialHypothesis:
    """Return the partial that keeps what is committed and commits some of the words after it.

    Args:
        last: Whose committed words stay.
        rest: Words decoded after those.
        commit: How many of them are committed now.
        decoded_ms: Audio that they were decoded from.
    """
    committed, tentative = last.committed + rest[:commit], rest[commit:]
    total = len(committed) + len(tentative)
    return PartialHypothesis(
        committed=committed,
        tentative=tentative,
        stability=len(committed) / total if total else 0.0,
        decoded_ms=decoded_ms,
    )


def agreed_prefix(previous: Sequence[Word], current: Sequence[Word]) -> tuple[Word, ...]:
    """Return the leading words of ``current`` that ``previous`` has too.

    Case and punctuation at the edges of a word do not count.
    """
    agreed = 0
    for one, other in zip(previous, current, strict=False):
        if bare_text(one) != bare_text(other):
            break
        agreed += 1
    return tuple(current[:agreed])


def words_after(committed: Sequence[Word], words: tuple[Word, ...]) -> tuple[Word, ...]:
    """Return the words that come after those that stand for the committed ones: least edits decide.

    Mostly they are the committed words themselves; where a later decode writes those differently,
    the words after them must neither be lost nor repeated. Ties go to the nearest count.
    """
    distances = list(range(len(words) + 1))
    for row, word in enumerate(committed, start=1):
        diagonal, distances[0] = distances[0], row
        for column, other in enumerate(words, start=1):
            replaced = diagonal + (bare_text(word) != bare_text(other))
            diagonal = distances[column]
            distances[column] = min(replaced, diagonal + 1, distances[column - 1] + 1)
    nearest = min(range(len(distances)), key=lambda n: (distances[n], abs(n - len(committed))))
    return words[nearest:]

"""The rules of a label set: what raises a label whatever a model says, and what is no call."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from models.classification.phrases import compared_form, has_phrase, phrase_spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from models.classification.label_set import FloorRule, LabelSet
    from models.classification.phrases import Span
    from schemas.classification import Abstention

NEAR_WORDS = 6  # at most between a phrase and the words that silence it
MURMUR_WORDS = 3  # at most of a party that does not take the word from the other one
MAX_JOINED = 10_000  # characters of passages that are read as one
_TURNING = frozenset({"but"})  # what is said before it does not qualify what is said after it
# Letters of scripts without blanks between words: two of them count as a word
_UNSPACED = re.compile(
    r"[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff]"
)
_UNSPACED_LETTERS = 2


class Raised(NamedTuple):
    """A label that a rule raised.

    Attributes:
        label: Its index in the task.
        rule: Its name.
        passages: Indexes of the passages with its phrases.
    """

    label: int
    rule: str
    passages: tuple[int, ...]


def raised_labels(label_set: LabelSet, spoken: Sequence[str]) -> dict[str, Raised]:
    """Return the highest label that the safety floor raises, by task.

    Args:
        label_set: With the floor.
        spoken: The passages of a call, in spoken form; each is judged alone, see `cut_passages`.
    """
    found: dict[str, Raised] = {}
    compared = [compared_form(text) for text in spoken]
    for rule in label_set.floor:
        passages = tuple(index for index, text in enumerate(compared) if _applies(rule, text))
        label = label_set.task(rule.task).names.index(rule.label)
        if passages and (rule.task not in found or found[rule.task].label < label):
            found[rule.task] = Raised(label, rule.name, passages)
    return found


def _applies(rule: FloorRule, text: str) -> bool:
    """Return whether a text has a phrase of a rule that is not silenced.

    Words of ``unless`` silence the phrases that they overlap; where they overlap none, those near.
    """
    found = phrase_spans(text, rule.phrases)
    if not found:
        return False
    phrases, silencers = _Parts(text, found), _Parts(text, phrase_spans(text, rule.unless))
    apart = _Parts(text, [each for each in silencers.spans if not phrases.overlap(each)])
    return any(not silencers.overlap(each) and not apart.are_near(each) for each in found)


class _Parts:
    """Parts of a text.

    Args:
        text: In the form of `compared_form`.
        spans: Where the parts are, in order of their starts.
    """

    def __init__(self, text: str, spans: Sequence[Span]) -> None:
        self.spans = spans
        self._text = text
        self._starts = [each.start for each in spans]
        self._ends = list(accumulate((each.end for each in spans), max))  # so far

    def overlap(self, other: Span) -> bool:
        """Return whether one of them shares characters with another part."""
        at = bisect_left(self._starts, other.end)
        return at > 0 and self._ends[at - 1] > other.start

    def are_near(self, other: Span) -> bool:
        """Return whether one stands near another part, before it or after it."""
        at = bisect_left(self._starts, other.start)
        is_before = at > 0 and self._is_short(self._ends[at - 1], other.start)
        return is_before or (at < len(self.spans) and self._is_short(other.end, self._starts[at]))

    def _is_short(self, start: int, end: int) -> bool:
        """Return whether few words, and no turning point, lie between two places."""
        between = self._text[start:end].split(maxsplit=NEAR_WORDS)
        return len(between) <= NEAR_WORDS and _TURNING.isdisjoint(between)


def cut_passages(
    label_set: LabelSet, spoken: Sequence[str], parties: Sequence[str]
) -> list[tuple[int, ...]]:
    """Return which passages are to be read as one, since a phrase of the safety floor is cut.

    The phrase goes from one passage of a party to the next, and words near it do not silence it.
    What others say in between in at most `MURMUR_WORDS` words does not end what the party says.

    Args:
        label_set: With the floor.
        spoken: The passages of a call, in spoken form.
        parties: Who says each.

    Returns:
        Indexes in order, at least two at a time; no passage is in two of them.
    """
    found: list[tuple[int, ...]] = []
    if label_set.floor:
        compared = [compared_form(text) for text in spoken]
        for run in _runs(compared, parties):
            pieces = [compared[index] for index in run]
            found += [tuple(run[first : last + 1]) for first, last in _cuts(label_set, pieces)]
    return sorted(found)


def _runs(spoken: Sequence[str], parties: Sequence[str]) -> list[list[int]]:
    """Return the passages with words that go on from each other, party by party."""
    ended: list[list[int]] = []
    going: dict[str, list[int]] = {}
    for index, (text, party) in enumerate(zip(spoken, parties, strict=True)):
        words = len(text.split(maxsplit=MURMUR_WORDS))
        if words > MURMUR_WORDS:
            ended += [going.pop(other) for other in list(going) if other != party]
        if words:
            going.setdefault(party, []).append(index)
    return [run for run in (*ended, *going.values()) if len(run) > 1]


def _cuts(label_set: LabelSet, pieces: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last piece of each part over which phrases go, in order."""
    text = " ".join(pieces)
    starts = list(accumulate((len(piece) + 1 for piece in pieces), initial=0))
    parts: set[tuple[int, int]] = set()
    for rule in label_set.floor:
        for span in phrase_spans(text, rule.phrases):
            first = bisect_right(starts, span.start) - 1
            last = bisect_right(starts, span.end - 1) - 1
            if (first, last) in parts or not first < last:
                continue
            whole = text[starts[first] : starts[last + 1] - 1]
            if len(whole) <= MAX_JOINED and _applies(rule, whole):
                parts.add((first, last))
    yield from _merged(sorted(parts), starts)


def _merged(parts: Sequence[tuple[int, int]], starts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield parts with those that overlap them, up to `MAX_JOINED` characters."""
    begin, end = -1, -1
    for first, last in parts:
        if first > end:
            if end >= 0:
                yield begin, end
            begin, end = first, last
        elif starts[last + 1] - starts[begin] <= MAX_JOINED:
            end = max(end, last)
    if end >= 0:
        yield begin, end


def abstention(label_set: LabelSet, spoken: Sequence[str]) -> Abstention:
    """Return why the words of a call are not to be classified; empty where they are.

    Args:
        label_set: With the rules.
        spoken: The passages of a call, in spoken form.
    """
    words = sum(map(_words, spoken))
    if not words:
        return "silent"
    for rule in label_set.abstentions:
        if words <= rule.max_words and any(has_phrase(text, rule.phrases) for text in spoken):
            return rule.reason
    return "too_short" if words < label_set.min_words else ""


def _words(spoken: str) -> int:
    """Return about how many words a text has, also where its script writes them together."""
    if spoken.isascii():
        return len(spoken.split())
    apart, together = _UNSPACED.subn(" ", spoken)
    return len(apart.split()) + -(-together // _UNSPACED_LETTERS)

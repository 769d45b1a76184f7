"""The partials of a channel: when one is due, and which of their words are committed."""

from dataclasses import dataclass

from models.asr.core.policy import PolicyConfig
from models.asr.partials.agreement import PartialHypothesis
from models.asr.partials.policies import PartialPolicy, make_policy
from stream_app.calls.transcribe.recognition.requests import RecognitionResult

# Chunks of 100 ms bring three frames of 32 ms, or four
FIRST_PARTIAL_MS = 4 * 96  # audio of a segment, with its pre-roll, that its first partial waits for
FIRST_WORDS_MS = 96  # new audio between two partials while none of the segment had words
FIRST_WORDS_WITHIN_MS = 2_000  # of a segment; one that is noise has no words at all


@dataclass(slots=True)
class _OpenSegment:
    """A segment with partials.

    Attributes:
        asked_ms: Audio clock up to which the last partial was asked for.
        early_ms: Where the early final ends that is the newest partial; -1 for none.
        policy: Which commits its words.
        draft: Tokens of its last partial.
        pending: Partials that were asked for and have no result yet.
        has_words: Whether one had words, up to the last result; None before the first.
    """

    start_ms: int
    asked_ms: int
    policy: PartialPolicy
    early_ms: int = -1
    draft: tuple[int, ...] = ()
    pending: int = 0
    has_words: bool | None = None


class ChannelPartials:
    """The partials of a channel, segment after segment.

    Args:
        policy: When their words are committed.
        interval_ms: New audio between two partials of a segment; before the first one, and after
            one without words at the beginning of the segment, less is waited for.
        is_deterministic: Every partial counts, also those of a segment that has ended since, and
            none starts from a draft; else a result that comes too late is dropped.
    """

    def __init__(
        self, policy: PolicyConfig, interval_ms: int, *, is_deterministic: bool = False
    ) -> None:
        self._policy = policy
        self._interval_ms = interval_ms
        self._is_deterministic = is_deterministic
        self._is_wanted = make_policy(policy).wants_partials
        self._current: _OpenSegment | None = None
        self._unfinished: dict[int, _OpenSegment] = {}

    @property
    def draft(self) -> tuple[int, ...]:
        """Return the tokens that the next partial may start from."""
        return self._current.draft if self._current is not None else ()

    @property
    def is_first(self) -> bool:
        """Return whether the last partial that was asked for may show the segment's first words.

        Those of a deterministic lane wait for each other and do not count, nor does what has no
        words for long: it is noise.
        """
        current = self._current
        if current is None or current.has_words or self._is_deterministic:
            return False
        return _is_beginning(current, current.asked_ms)

    @property
    def takes_early(self) -> bool:
        """Return whether early finals may come between: where partials are wanted, at any time."""
        return self._is_wanted and not self._is_deterministic

    def ask(self, start_ms: int, heard_ms: int) -> bool:
        """Return whether a partial is due; if so it counts as asked for.

        Args:
            start_ms: Audio clock at which the open segment begins.
            heard_ms: Audio clock up to which it has been heard.
        """
        if not self._is_wanted:
            return False
        current = self._open(start_ms)
        if heard_ms - current.asked_ms < self._wait_ms(current, heard_ms):
            return False
        current.asked_ms = heard_ms
        if self._is_deterministic:
            current.pending += 1
            self._unfinished[start_ms] = current
        return True

    def ask_early(self, start_ms: int, end_ms: int) -> None:
        """Take an early final for the next partial, unless one of as much audio was asked for.

        Args:
            start_ms: Audio clock at which the open segment begins.
            end_ms: Audio clock up to which it is decoded.
        """
        current = self._open(start_ms)
        if end_ms > current.asked_ms:
            current.asked_ms = current.early_ms = end_ms

    def update(self, result: RecognitionResult, open_start_ms: int | None) -> PartialHypothesis:
        """Return the segment's next partial; one without words if it came too late.

        Args:
            result: Of a partial request.
            open_start_ms: Where the open segment begins, None without one.
        """
        start_ms = result.request.start_ms
        if self._is_deterministic:
            return self._finish(start_ms).policy.update(result.hypothesis)
        current = self._current
        if current is None or not current.start_ms == start_ms == open_start_ms:
            return PartialHypothesis()
        if result.request.is_early and result.request.end_ms != current.early_ms:
            return PartialHypothesis()
        current.draft = () if result.rejected else result.hypothesis.tokens
        partial = current.policy.update(result.hypothesis)
        current.has_words = bool(partial.words)
        return partial

    def _open(self, start_ms: int) -> _OpenSegment:
        current = self._current
        if current is None or current.start_ms != start_ms:
            current = _OpenSegment(start_ms, start_ms, make_policy(self._policy))
            self._current = current
        return current

    def _wait_ms(self, segment: _OpenSegment, heard_ms: int) -> int:
        """Return the new audio that the next partial of a segment waits for.

        The beginning of a segment often has no word yet, and whoever looks at a screen waits for
        the first one: so it is looked for with every chunk.
        """
        if segment.asked_ms == segment.start_ms:
            return min(FIRST_PARTIAL_MS, self._interval_ms)
        if segment.has_words is False and _is_beginning(segment, heard_ms):
            return min(FIRST_WORDS_MS, self._interval_ms)
        return self._interval_ms

    def _finish(self, start_ms: int) -> _OpenSegment:
        segment = self._unfinished[start_ms]
        segment.pending -= 1
        if not segment.pending:
            del self._unfinished[start_ms]
        return segment


def _is_beginning(segment: _OpenSegment, heard_ms: int) -> bool:
    return heard_ms - segment.start_ms <= FIRST_WORDS_WITHIN_MS

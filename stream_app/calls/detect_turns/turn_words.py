"""The words of a turn, segment by segment, and how a later final revises them."""

from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from models.text.spoken_form import spoken_words
from schemas.transcripts import RevisedSegment, TranscriptFinal, Word


class TurnWords(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The words of a turn.

    Attributes:
        segment_ids: Of the segments that had words, in order.
        texts: What each says; empty where a later final found that nothing was said.
        counts: How many words each has, as they were spoken.
        starts_ms: Audio clock at which each begins; ascending.
    """

    segment_ids: list[str] = []
    texts: list[str] = []
    counts: list[int] = []
    starts_ms: list[int] = []

    def __post_init__(self) -> None:
        """Complete a checkpoint of a version that kept less of each segment.

        Segments of which no start is known stand before all others.
        """
        if len(self.counts) < len(self.texts):
            self.counts = [spoken_count(text, (), "en") for text in self.texts]
        self.starts_ms = [0] * (len(self.texts) - len(self.starts_ms)) + self.starts_ms

    @property
    def text(self) -> str:
        """Return the text of the segments so far."""
        return " ".join(filter(None, self.texts))

    @property
    def words(self) -> int:
        """Return how many words were spoken in them."""
        return sum(self.counts)

    def add_words(self, final: TranscriptFinal) -> None:
        """Take in a final with words."""
        self.segment_ids.append(final.segment_id)
        self.texts.append(final.text.strip())
        self.counts.append(word_count(final))
        self.starts_ms.append(final.start_ms)

    def insert_words(self, segment: RevisedSegment, language: str) -> None:
        """Take in a segment in which a later final found the first words."""
        index = bisect_right(self.starts_ms, segment.start_ms)
        self.segment_ids.insert(index, segment.segment_id)
        self.texts.insert(index, segment.text.strip())
        self.counts.insert(index, spoken_count(segment.text, segment.words, language))
        self.starts_ms.insert(index, segment.start_ms)

    def revise(self, segment: RevisedSegment, language: str) -> bool:
        """Return whether the text of one of its segments changes with what is heard now."""
        index = self.segment_ids.index(segment.segment_id)
        text = segment.text.strip()
        is_changed = self.texts[index] != text
        self.texts[index] = text
        self.counts[index] = spoken_count(segment.text, segment.words, language)
        return is_changed


def word_count(final: TranscriptFinal) -> int:
    """Return how many words were said in a final; 0 for noise, music and rejected text."""
    return spoken_count(final.text, final.words, final.language)


def spoken_count(text: str, words: Sequence[Word], language: str) -> int:
    """Return how many words were said.

    English words count as they are spoken, whatever the recognizer's style: "555-1234" is seven.

    Args:
        text: As it was written.
        words: Of it.
        language: Of it.
    """
    if not text.strip():
        return 0
    if language.startswith("en"):
        return max(1, len(spoken_words(text)))
    return len(words) or len(text.split())

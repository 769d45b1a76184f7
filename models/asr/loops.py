"""Loops that Whisper writes: words in a row, rounds at the end of a transcript, inside words.

A transcript that a loop took ends when its budget of tokens is used up, or has more words than
anybody says in its time. There the last loop is cut to one round, however few rounds it has,
in a hurry also if its last round differs by a word; elsewhere a loop needs more rounds than people
say.
"""

import re
from collections.abc import Sequence
from itertools import takewhile

import msgspec

from models.asr.core.hypothesis import Hypothesis, Word, bare_text, compression_ratio, kept_text
from models.asr.core.spoken import is_letter, is_spoken, word_count

MAX_NGRAM = 6
MAX_HURRIED_NGRAM = 24
HURRIED_WORDS_PER_SECOND = 6.5  # repeated words are said more slowly
MIN_VARIANT_WORDS = 4
MIN_SAME_WORDS = 2  # after the first one: "bye bye" at the end of a hurried transcript stays
MAX_JOINED_REPEATS = 4  # "no-no-no-no"

# Letters only: what people dictate repeats digits. "hahahaha" stays.
_LETTER_LOOP = re.compile(r"([^\W\d_])\1{3,}")
_SYLLABLE_LOOP = re.compile(r"([^\W\d_]{2,4}?)\1{4,}|([^\W\d_]{5,}?)\2{2,}")


def cut_loops(hypothesis: Hypothesis, max_repeats: int) -> Hypothesis:
    """Return the hypothesis with each loop shortened to one round.

    Words that are a loop of joined words go, and so do those of nothing that is spoken.

    Args:
        hypothesis: Words may repeat.
        max_repeats: A word in a row more often than this is a loop; longer n-grams half as often.
    """
    words = tuple(
        _with_text(word, cut_inner_loops(word.text))
        for word in hypothesis.words
        if is_spoken(word.text) and not is_joined_loop(word.text)
    )
    is_hurried = _is_hurried(words, hypothesis)
    if hypothesis.is_cut_short or is_hurried:
        words = without_last_loop(words)
    if is_hurried:
        words = without_last_variant(words)
    words = without_loops(words, max_repeats)
    if words == hypothesis.words:
        return hypothesis
    text = kept_text(cut_inner_loops(hypothesis.text), words)
    return msgspec.structs.replace(
        hypothesis, text=text, words=words, compression_ratio=compression_ratio(text)
    )


def cut_inner_loops(text: str) -> str:
    """Return the text without loops inside its words: "lalalalalala" is "la", "ooffffff" "ooff"."""
    cut = _SYLLABLE_LOOP.sub(r"\1\2", _LETTER_LOOP.sub(r"\1\1", text))
    return cut if cut == text else cut_inner_loops(cut)


def is_joined_loop(text: str) -> bool:
    """Return whether a word is joined of words that go round: "a-half-an-a-half-an".

    Two rounds of three words and more make a loop, three of two words, five of one. Numbers are
    dictated like that and are none.
    """
    parts = _joined_parts(text.casefold())
    if not all(map(_is_of_letters, parts)):
        return False
    for size in range(1, len(parts) // 2 + 1):
        rounds = {1: MAX_JOINED_REPEATS + 1, 2: 3}.get(size, 2)
        if any(_rounds(parts, start, size) >= rounds for start in range(len(parts))):
            return True
    return False


def without_last_loop(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """Return the words with the loop at their end shortened to one round, the shortest that fits.

    The last round may be broken off, and so may its last word.
    """
    spelled = [bare_text(word) for word in words]
    for size in range(1, min(MAX_HURRIED_NGRAM, len(words) // 2) + 1):
        repeated = _repeated_at_end(spelled, size)
        if repeated >= max(size, MIN_SAME_WORDS):
            return words[: len(words) - repeated]
    return words


def without_last_variant(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """Return the words without a last round that differs from the one before by one word.

    "It's not a good idea. It's a good idea." People dictate numbers like that, so that this is for
    what nobody says so fast.
    """
    spelled = [bare_text(word) for word in words]
    for size in range(MIN_VARIANT_WORDS, min(MAX_HURRIED_NGRAM, len(words) // 2 + 1) + 1):
        end = len(words) - size
        befores = (spelled[end - before : end] for before in (size - 1, size, size + 1))
        if any(_differ_by_one(before, spelled[end:]) for before in befores):
            return words[:end]
    return words


def without_loops(words: tuple[Word, ...], max_repeats: int) -> tuple[Word, ...]:
    """Return the words with each n-gram loop shortened to one round, the shortest n-grams first."""
    for size in range(1, MAX_NGRAM + 1):
        limit = max_repeats if size == 1 else max(max_repeats // 2, 2)
        kept: list[Word] = []
        index = 0
        spelled = [bare_text(word) for word in words]
        while index < len(words):
            rounds = _rounds(spelled, index, size)
            kept.extend(words[index : index + (size if rounds > limit else 1)])
            index += size * rounds if rounds > limit else 1
        words = tuple(kept)
    return words


def _is_hurried(words: tuple[Word, ...], hypothesis: Hypothesis) -> bool:
    said = word_count(words, hypothesis.language)
    return said * 1000 > HURRIED_WORDS_PER_SECOND * max(hypothesis.duration_ms, 1)


def _joined_parts(text: str) -> list[str]:
    """Return the words that a text is joined of, each with the signs on its letters."""
    is_part = (each in "'_" or each.isalnum() or is_letter(each) for each in text)
    apart = (each if stays else " " for each, stays in zip(text, is_part, strict=True))
    return "".join(apart).split()


def _is_of_letters(part: str) -> bool:
    letters = part.replace("'", "")
    return bool(letters) and all(map(is_letter, letters))


def _repeated_at_end(spelled: list[str], size: int) -> int:
    """Return how many of the last words are the ones ``size`` words before them."""
    count = 0
    for index in range(len(spelled) - 1, size - 1, -1):
        earlier = spelled[index - size]
        is_broken_off = not count and earlier.startswith(spelled[index])
        if spelled[index] != earlier and not is_broken_off:
            break
        count += 1
    return count


def _differ_by_one(one: Sequence[str], other: Sequence[str]) -> bool:
    """Return whether one word is another, is missing, or is there besides; also for equal ones."""
    pairs = zip(one, other, strict=False)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    rest, other_rest = one[same:], other[same:]
    return rest[1:] == other_rest[1:] or rest == other_rest[1:] or rest[1:] == other_rest


def _rounds(spelled: list[str], start: int, size: int) -> int:
    """Return how often the n-gram at ``start`` comes in a row."""
    rounds = 1
    following = start + size
    while spelled[following : following + size] == spelled[start : start + size]:
        rounds += 1
        following += size
    return rounds


def _with_text(word: Word, text: str) -> Word:
    return word if text == word.text else msgspec.structs.replace(word, text=text)

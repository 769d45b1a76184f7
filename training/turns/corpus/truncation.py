"""The one-shot rule: an utterance becomes one example, whole or cut, never both."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec

from models.turns.text import spoken_form
from training.turns.corpus.sentences import Sentence
from training.turns.corpus.spoken import speak_numbers

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from training.turns.corpus.data_recipe import Truncation
    from training.turns.corpus.utterances import Utterance


class Cut(msgspec.Struct, frozen=True):
    """The words that are left of an utterance, and whether they are all of them."""

    words: tuple[str, ...]
    is_complete: bool


def one_shot_key(utterance: Utterance) -> str:
    """Return what two utterances share if they are the same, however they write a number."""
    return canonical_text(utterance.words)


def canonical_text(words: Sequence[str]) -> str:
    """Return the spoken form with every figure as words."""
    return spoken_form(" ".join(word for said in speak_numbers(words) for word in said))


def spoken_words(utterance: Utterance, *, by_digits: bool = False) -> Utterance:
    """Return the utterance with its figures as words, bare numbers digit by digit if asked."""
    sentences = tuple(_spoken(sentence, by_digits=by_digits) for sentence in utterance.sentences)
    return msgspec.structs.replace(utterance, sentences=sentences)


def _spoken(sentence: Sentence, *, by_digits: bool) -> Sentence:
    words: list[str] = []
    pauses: list[int] = []
    spoken = speak_numbers(sentence.words, by_digits=by_digits)
    for said, pause_ms in zip(spoken, sentence.pauses_ms, strict=True):
        words += said
        pauses += [*[0] * (len(said) - 1), pause_ms]
    return Sentence(tuple(words), tuple(pauses), sentence.is_whole)


def cut_utterance(
    utterance: Utterance,
    truncation: Truncation,
    draw: random.Random,
    *,
    complete_keys: Collection[str] = (),
) -> Cut:
    """Return what is left of an utterance after the coin was thrown.

    Args:
        utterance: One that the source labels itself stays as it is.
        truncation: How often and where.
        draw: The coin.
        complete_keys: Canonical texts that no cut may leave, since they are complete.
    """
    words = utterance.words
    if utterance.is_complete is not None:
        return Cut(words, utterance.is_complete)
    last = utterance.sentences[-1]
    is_cut = draw.random() < truncation.share and len(last.words) > 1
    if not is_cut:
        return Cut(words, is_complete=True)
    before = len(words) - len(last.words)
    for _ in range(truncation.redraws + 1):
        kept = words[: before + _border(last, truncation, draw)]
        if not complete_keys or canonical_text(kept) not in complete_keys:
            return Cut(kept, is_complete=False)
    return Cut(words, is_complete=True)


def _border(sentence: Sentence, truncation: Truncation, draw: random.Random) -> int:
    """Return how many words of the sentence are left: at least one, never all."""
    borders = range(1, len(sentence.words))
    pauses = [place for place in borders if _is_pause(sentence, place, truncation)]
    if pauses and draw.random() < truncation.pause_share:
        return draw.choice(pauses)
    return draw.choice(borders)


def _is_pause(sentence: Sentence, place: int, truncation: Truncation) -> bool:
    return sentence.pauses_ms[place - 1] >= truncation.min_pause_ms

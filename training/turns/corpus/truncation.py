"""The one-shot rule: an utterance becomes one example, whole or cut, never both."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec

from models.text.spoken_form import spoken_form
from models.text.spoken_numbers import speak_numbers
from training.turns.corpus.sentences import Sentence

if TYPE_CHECKING:
    from collections.abc import Collection

    from training.turns.corpus.data_recipe import Truncation
    from training.turns.corpus.utterances import Utterance


class Cut(msgspec.Struct, frozen=True):
    """The words that are left of an utterance, and whether that is all of it."""

    words: tuple[str, ...]
    is_complete: bool


def one_shot_key(utterance: Utterance) -> str:
    """Return the key that equal utterances share, however they write a number."""
    return spoken_form(" ".join(utterance.words))


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
    """Return an utterance as an example: whole, or cut at a random word.

    Args:
        utterance: One that the source labels stays as it is.
        truncation: How often and where.
        draw: Generator of the choices.
        complete_keys: Spoken forms of complete utterances, which no cut may leave.
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
        if not complete_keys or spoken_form(" ".join(kept)) not in complete_keys:
            return Cut(kept, is_complete=False)
    return Cut(words, is_complete=True)


def _border(sentence: Sentence, truncation: Truncation, draw: random.Random) -> int:
    """Return how many words of the sentence are left: at least one, never all."""
    borders = range(1, len(sentence.words))
    pauses = [border for border in borders if _is_pause(sentence, border, truncation)]
    if pauses and draw.random() < truncation.pause_share:
        return draw.choice(pauses)
    return draw.choice(borders)


def _is_pause(sentence: Sentence, border: int, truncation: Truncation) -> bool:
    return sentence.pauses_ms[border - 1] >= truncation.min_pause_ms

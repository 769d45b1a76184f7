"""The inventory of a run: the tokens and phones of its data, which the network predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from training.asr.scratch.vocabulary import SubVocabulary, build_vocabulary, count_words

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from training.asr.speech.utterances import SpeechPool, Utterance


class Inventory(msgspec.Struct, frozen=True):
    """The tokens in use, and the phone names of each synthesiser, in the order of the heads."""

    vocabulary: SubVocabulary
    phone_sets: dict[str, list[str]]


def find_inventory(
    synthetic: SpeechPool, real: dict[str, SpeechPool], *, vocabulary_size: int
) -> Inventory:
    """Return the tokens and phones of the training data."""
    counts: Counter[str] = count_words(u.words for u in synthetic.utterances)
    for pool in real.values():
        counts.update(count_words(u.words for u in pool.utterances))
    vocabulary = build_vocabulary(counts, size=vocabulary_size)
    return Inventory(vocabulary, find_phone_sets(synthetic.utterances))


def find_phone_sets(utterances: Sequence[Utterance]) -> dict[str, list[str]]:
    """Return the phones that occur in ``utterances``, by synthesiser, sorted."""
    found: dict[str, set[str]] = {}
    for utterance in utterances:
        if utterance.phone_set:
            found.setdefault(utterance.phone_set, set()).update(utterance.phones)
    return {key: sorted(found[key]) for key in sorted(found)}

"""Sentences to be spoken: the dialogue text of ``data/text`` and generated dictation."""

from __future__ import annotations

import gzip
import hashlib
import json
from random import Random
from typing import TYPE_CHECKING, Any

from training.asr.synthesis.grammar import generate_sentence
from training.asr.synthesis.small_talk import generate_small_talk
from training.text.spoken_words import Sentence, parse_sentence, split_sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from training.asr.synthesis.recipe import Synthesis

MAX_WORDS = 26
HELD_OUT_PERCENT = 2


def _sgd(row: Mapping[str, Any]) -> Iterator[str]:
    for turn in row["turns"]:
        yield turn["utterance"]


def _turn_texts(row: Mapping[str, Any]) -> Iterator[str]:
    for turn in row["turns"]:
        yield turn["text"]


def _text(row: Mapping[str, Any]) -> Iterator[str]:
    yield row["text"]


def _utterance(row: Mapping[str, Any]) -> Iterator[str]:
    yield row["utterance"]


def _aligned(row: Mapping[str, Any]) -> Iterator[str]:
    words = [word[0] for word in row["words"]]
    yield " ".join(words)


SOURCES: dict[str, tuple[str, Callable[[Mapping[str, Any]], Iterator[str]]]] = {
    "sgd": ("sgd/train.jsonl.gz", _sgd),
    "taskmaster4": ("taskmaster4/dialogues.jsonl.gz", _turn_texts),
    "multidogo": ("multidogo/train_turns.jsonl.gz", _utterance),
    "banking77": ("banking77/train.jsonl.gz", _text),
    "clinc150": ("clinc150/train.jsonl.gz", _text),
    "helpline_calls": ("helpline_calls/calls.jsonl.gz", _text),
    "earnings21": ("earnings21/calls.jsonl.gz", _turn_texts),
    "earnings22": ("earnings22_aligned/calls.jsonl.gz", _aligned),
}


def read_sentences(text_folder: Path, source: str) -> list[Sentence]:
    """Return the distinct sentences of one source, in file order, at most ``MAX_WORDS`` long."""
    name, texts_of = SOURCES[source]
    seen: dict[tuple[str, ...], Sentence] = {}
    with gzip.open(text_folder / name, "rt", encoding="utf-8") as lines:
        for line in lines:
            for text in texts_of(json.loads(line)):
                for part in split_sentences(text):
                    sentence = parse_sentence(part)
                    if sentence and _is_usable(sentence.words):
                        seen.setdefault(sentence.words, sentence)
    return list(seen.values())


def is_held_out(words: tuple[str, ...]) -> bool:
    """Return whether a text belongs to the evaluation only; a pure function of its words."""
    digest = hashlib.sha256(" ".join(words).encode()).digest()
    return digest[0] * 256 + digest[1] < 65536 * HELD_OUT_PERCENT // 100


def sample_sentences(
    pools: Mapping[str, list[Sentence]],
    *,
    settings: Synthesis,
    excluded: Collection[tuple[str, ...]],
    seed: int,
) -> Iterator[Sentence]:
    """Yield training sentences: generated ones, or of a source drawn by the root of its size.

    Texts in ``excluded`` and held-out texts of the pools are left out; generated sentences are
    dictation and small talk, which hold no held-out text.
    """
    random = Random(seed)
    names = list(pools)
    weights = [len(pools[name]) ** 0.5 for name in names]
    made = 0
    while made < settings.utterances:
        if settings.small_talk_share and random.random() < settings.small_talk_share:
            sentence = generate_small_talk(random)
        elif random.random() < settings.generated_share:
            sentence = generate_sentence(random)
        else:
            sentence = random.choice(pools[random.choices(names, weights)[0]])
            if is_held_out(sentence.words):
                continue
        if sentence.words in excluded:
            continue
        made += 1
        yield sentence


def _is_usable(words: tuple[str, ...]) -> bool:
    return len(words) <= MAX_WORDS and "inaudible" not in words

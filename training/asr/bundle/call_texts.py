"""How often words occur in the texts of calls, in the style in which Whisper writes."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from training.asr.synthesis.sentences import SOURCES
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

SENTENCE_STARTS = 0.1  # of the words, which are written with a capital there


def _transcription(row: Mapping[str, Any]) -> Iterator[str]:
    yield row["transcription"]


CALL_TEXTS: dict[str, tuple[str, Callable[[Mapping[str, Any]], Iterator[str]]]] = {
    **SOURCES,
    "evi": ("evi/turns.jsonl.gz", _transcription),
}


def word_shares(text_folder: Path) -> dict[str, float]:
    """Return the share of each word, with its punctuation; every source counts the same.

    A word that is written in lower case also counts with a capital, as at the start of a sentence.

    Raises:
        MissingDataError: A source is not there.
    """
    shares: defaultdict[str, float] = defaultdict(float)
    for name, (file, texts_of) in CALL_TEXTS.items():
        path = text_folder / file
        if not path.is_file():
            raise MissingDataError(f"no {name} at {path}: --data names a folder with text/")
        words = _words(path, texts_of)
        total = words.total() * len(CALL_TEXTS)
        for word, count in words.items():
            shares[word] += count / total
            if word[0].islower():
                shares[word[0].upper() + word[1:]] += SENTENCE_STARTS * count / total
    return dict(shares)


def _words(path: Path, texts_of: Callable[[Mapping[str, Any]], Iterator[str]]) -> Counter[str]:
    words: Counter[str] = Counter()
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            for text in texts_of(json.loads(line)):
                words.update(text.split())
    return words

"""The split of a conversation: the same in every set and run, however many others there are."""

from __future__ import annotations

import hashlib

from training.turns.corpus.examples import Split

TEST_SHARE = 0.15
VALIDATION_SHARE = 0.05
_PRIORITY: dict[Split, int] = {"train": 0, "validation": 1, "test": 2}


def split_of(
    conversation: str, test_share: float = TEST_SHARE, validation_share: float = VALIDATION_SHARE
) -> Split:
    """Return the split of a conversation, by its name and the shares alone."""
    digest = hashlib.sha256(conversation.encode()).digest()
    share = int.from_bytes(digest[:8]) / 2**64
    if share < test_share:
        return "test"
    return "validation" if share < test_share + validation_share else "train"


def earlier(first: Split, second: Split) -> Split:
    """Return the split that keeps an utterance of both, so that no training text is tested."""
    return min(first, second, key=_PRIORITY.__getitem__)

"""The comparison on real speech: every system follows the same windows, scored by recording."""

import numpy as np

from benchmarks.core.held_out_sets import HeldOut
from benchmarks.peers.real_speech import Followed, follow_recordings, rows
from models.audio.samples import FloatArray
from models.text.word_errors import WordErrors

RECORDINGS = [
    HeldOut(np.zeros(16 * 8_000, np.float32), ("good", "morning", "sir")),
    HeldOut(np.zeros(16 * 2_500, np.float32), ("yes",)),
]


class Counting:
    """Says its next text at the end of each window; remembers how long its audio was."""

    name = "counting"

    def __init__(self, *texts: str) -> None:
        self._texts = list(texts)
        self.updates_ms: list[int] = []
        self.finals_ms: list[int] = []

    def begin(self) -> None:
        """Nothing is remembered."""

    def update(self, samples: FloatArray) -> str:
        """Return no text yet."""
        self.updates_ms.append(len(samples) // 16)
        return "nothing yet"

    def finish(self, samples: FloatArray) -> str:
        """Return the next text."""
        self.finals_ms.append(len(samples) // 16)
        return self._texts.pop(0)


def test_windows_are_at_most_five_seconds_and_their_last_texts_are_joined() -> None:
    system = Counting("good", "evening, sir", "yes", *["later"] * 3)
    followed = Followed()

    follow_recordings(system, RECORDINGS, followed)
    follow_recordings(system, RECORDINGS, followed)

    assert max(system.finals_ms) <= 5_000
    assert sum(system.finals_ms) == 2 * 10_500
    assert max(system.updates_ms) < 5_000
    assert followed.errors == [WordErrors(1, 3), WordErrors(0, 1)]
    assert len(followed.cpu_s) == 2


def test_systems_are_compared_with_the_first_round_by_round() -> None:
    official = Followed([10.0, 12.0], [WordErrors(2, 3), WordErrors(0, 1)])
    ours = Followed([2.0, 3.0], [WordErrors(1, 3), WordErrors(0, 1)])

    first, second = rows({"official": official, "ours": ours}, RECORDINGS)

    assert first["times_the_first"].median == 1.0
    assert (second["times_the_first"].low, second["times_the_first"].high) == (4.0, 5.0)
    assert second["calls_per_core"].high == 5.25
    assert (first["word_error_rate"].rate, second["word_error_rate"].rate) == (0.5, 0.25)
    assert second["more_than_the_first"].rate == -0.25

"""A call made of real recordings: its words lie where there is sound."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.core.held_out_sets import HeldOut
from benchmarks.core.reference import read_true_call
from benchmarks.live.real_call import GAP_MS, place_words, write_call
from models.audio.samples import FloatArray
from schemas.errors import ConfigurationError

words = st.lists(st.text("abcdefgh", min_size=1, max_size=9), max_size=12)
spans = st.lists(st.tuples(st.integers(1, 400), st.integers(20, 900)), max_size=5)


def tone(ms: int) -> FloatArray:
    return np.asarray(0.5 * np.sin(np.arange(16 * ms) * 0.2), dtype=np.float32)


def silence(ms: int) -> FloatArray:
    return np.zeros(16 * ms, np.float32)


@given(words, spans)
def test_every_word_has_its_place_within_one_stretch_of_sound(
    said: list[str], gaps_and_lengths: list[tuple[int, int]]
) -> None:
    stretches, at_ms = [], 0
    for gap_ms, length_ms in gaps_and_lengths:
        stretches.append((at_ms + gap_ms, at_ms + gap_ms + length_ms))
        at_ms += gap_ms + length_ms

    placed = place_words(said, stretches)

    found = [word for group in placed for word in group]
    assert [word.text for word in found] == (said if stretches else [])
    for group in placed:
        assert (group[0].start_ms, group[-1].end_ms) in stretches
    edges = [edge for word in found for edge in (word.start_ms, word.end_ms)]
    assert edges == sorted(edges)


def test_the_parties_take_turns_and_their_pauses_hold_no_words(tmp_path: Path) -> None:
    first = np.concatenate([silence(100), tone(500), silence(400), tone(500)])
    clips = [HeldOut(first, ("good", "noon")), HeldOut(tone(300), ("yes",))]

    path = write_call(clips, tmp_path)

    call = read_true_call(path)
    audio, rate_hz = soundfile.read(path, always_2d=True)
    said = [(one.channel, one.start_ms, one.end_ms, one.words[0].text) for one in call.utterances]
    second_ms = GAP_MS + 1_500 + GAP_MS
    assert said == [
        (0, GAP_MS + 100, GAP_MS + 600, "good"),
        (0, GAP_MS + 1_000, GAP_MS + 1_500, "noon"),
        (1, second_ms, second_ms + 300, "yes"),
    ]
    for channel, start_ms, end_ms, _ in said:
        spoken = audio[start_ms * rate_hz // 1000 : end_ms * rate_hz // 1000]
        assert np.abs(spoken[:, channel]).mean() > 0.2 > np.abs(spoken[:, 1 - channel]).max()


def test_a_call_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no real speech"):
        write_call([], tmp_path)

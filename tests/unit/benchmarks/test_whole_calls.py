"""Whole calls: silence that was cut out is put back where the published times say."""

import msgspec
import numpy as np
import pytest

from benchmarks.quality.non_speech import segments_of
from benchmarks.whole_calls.command import parsed_way
from benchmarks.whole_calls.time_line import LEAD_MS, Turn, placed_pieces, rebuilt
from models.audio.samples import FloatArray
from models.vad.silero import NARROWBAND_HZ, load_vad
from schemas.errors import AudioFormatError, ConfigurationError
from stream_app.agents.transcribe import segment_config
from stream_app.settings import Settings
from tests.support.calls.recorded_calls import call_ended, call_started, chunk, demo_audio
from tests.support.system.lanes import final_requests

RATE_HZ = 8_000


def recording(*pieces_ms: int) -> FloatArray:
    """Return bursts of noise of these durations with 200 ms of silence between them."""
    random = np.random.default_rng(0)
    gap = np.zeros(RATE_HZ // 5, np.float32)
    parts: list[FloatArray] = []
    for duration_ms in pieces_ms:
        parts += [random.normal(0, 0.1, duration_ms * RATE_HZ // 1000).astype(np.float32), gap]
    return np.concatenate(parts[:-1])


def test_pieces_go_to_the_turns_whose_durations_fit() -> None:
    turns = [Turn(2_000, 1_500, True), Turn(9_000, 400, False), Turn(15_000, 800, True)]

    pieces = placed_pieces(recording(700, 600, 800), RATE_HZ, turns)

    assert [piece.offset_ms for piece in pieces] == [2_000 - LEAD_MS, 15_000 - LEAD_MS]
    assert pieces[0].end_ms == pieces[1].start_ms == pytest.approx(1_600, abs=120)


def test_the_rebuilt_audio_is_silent_between_the_turns() -> None:
    turns = [Turn(1_000, 700, True), Turn(5_000, 800, True)]

    audio = rebuilt(recording(700, 800), RATE_HZ, turns)

    assert not audio[2 * RATE_HZ : 4 * RATE_HZ].any()
    assert audio[int(1.2 * RATE_HZ) : int(1.5 * RATE_HZ)].any()
    assert audio[int(5.2 * RATE_HZ) : int(5.5 * RATE_HZ)].any()


def test_more_turns_than_pieces_are_refused() -> None:
    with pytest.raises(AudioFormatError):
        placed_pieces(recording(700), RATE_HZ, [Turn(0, 700, True), Turn(5_000, 800, True)])


def test_calls_are_cut_as_the_live_path_cuts_them() -> None:
    """Also by the same VAD: that of 16 kHz finds other edges in the audio of a telephone."""
    settings = Settings()
    party = demo_audio()[: 30 * RATE_HZ, :1]
    step = RATE_HZ // 10
    chunks = [
        chunk("call~r", seq, start, party[start : start + step])
        for seq, start in enumerate(range(0, len(party), step))
    ]
    begin = msgspec.structs.replace(call_started("call~r"), parties=("agent",))

    cut = segments_of(party[:, 0], load_vad(sample_rate_hz=NARROWBAND_HZ), segment_config(settings))

    live = final_requests([begin, *chunks, call_ended("call~r")], settings)
    assert len(live) > 3
    assert [(each.start_ms, each.samples.tobytes()) for each in cut] == [
        (each.start_ms, each.samples.tobytes()) for each in live
    ]


def test_a_way_is_read_as_the_worker_reads_its_settings() -> None:
    config = parsed_way("500:8000:15000:320").config

    assert (config.pause_ms, config.passage_ms, config.passage_reach_ms) == (500, 8_000, 15_000)
    assert (config.pre_roll_ms, config.post_roll_ms) == (320, 180)


@pytest.mark.parametrize("text", ["400", "400:12000:20000", "a:b:c:d", "400:-1:0:0"])
def test_a_way_that_is_not_four_numbers_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parsed_way(text)

"""What is passed on of channels that have one another's voice."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import soxr

from models.audio.echo_path import fit_filter
from models.audio.g711 import decode_mulaw, encode_mulaw
from models.audio.samples import FloatArray
from stream_app.calls.counters import CallCounters
from stream_app.calls.transcribe.crosstalk import echo_search
from stream_app.calls.transcribe.crosstalk.crosstalk import Crosstalk
from stream_app.calls.transcribe.crosstalk.line_noise import line_noise
from tests.support.calls.echoed_calls import delayed, echo, same_mix, stretch, with_echoes
from tests.support.calls.recorded_calls import RATE_HZ

LOUD = 10 ** (-38 / 10)  # energy of a block; the line's noise is at -52 dB


class Heard:
    """What comes of a call whose audio is inserted in chunks of 100 ms."""

    def __init__(self, audio: FloatArray, rate_hz: int = RATE_HZ) -> None:
        self.counters = CallCounters()
        self.crosstalk = Crosstalk(self.counters)
        channels = audio.shape[1]
        self.crosstalk.open(rate_hz, channels, 0)
        passed: list[list[FloatArray]] = [[] for _ in range(channels)]
        step = rate_hz // 10
        for start in range(0, len(audio), step):
            part = audio[start : start + step]
            self._take(passed, self.crosstalk.insert(start, list(np.ascontiguousarray(part.T))))
        self._take(passed, self.crosstalk.flush())
        self.audio = np.stack([np.concatenate(parts) for parts in passed], axis=1)
        self.replaced = self.audio != audio

    @staticmethod
    def _take(passed: list[list[FloatArray]], found: Sequence[tuple[int, FloatArray]]) -> None:
        for parts, (start, samples) in zip(passed, found, strict=True):
            assert not len(samples) or start == sum(map(len, parts))
            parts.append(samples)


def on_the_line(audio: FloatArray) -> FloatArray:
    """Return audio as mu-law carries it."""
    coded = [decode_mulaw(encode_mulaw(np.ascontiguousarray(each))) for each in audio.T]
    return np.stack(coded, axis=1)


def loud_blocks(audio: FloatArray, level: float = LOUD) -> np.ndarray:
    """Return for each 32 ms of each channel whether it is loud."""
    blocks = audio[: len(audio) // 256 * 256].reshape(-1, 256, audio.shape[1])
    return np.asarray(np.square(blocks).mean(axis=1) > level)


def replaced(heard: Heard) -> np.ndarray:
    """Return for each 32 ms of each channel whether it was passed on as noise of the line."""
    blocks = heard.replaced[: len(heard.audio) // 256 * 256]
    return np.asarray(blocks.reshape(-1, 256, blocks.shape[1]).mean(axis=1) > 0.5)


def test_a_call_without_crosstalk_is_passed_on_as_it_is() -> None:
    call = on_the_line(stretch(0, 60_000))

    heard = Heard(call)

    assert np.array_equal(heard.audio, call)
    assert heard.crosstalk.copied_ms == (0, 0)


@pytest.mark.parametrize(
    ("level_db", "delay_ms"),
    [(-10, 20), (-10, 400), (-15, 250), (-20, 180), (-25, 60), (-20, -180), (-10, -50)],
)
def test_an_echo_becomes_noise_and_speech_stays(level_db: float, delay_ms: int) -> None:
    call = stretch(0, 40_000)
    echoes = with_echoes(np.zeros_like(call) + call, level_db=level_db, delay_ms=delay_ms) - call

    heard = Heard(on_the_line(call + echoes))

    known = np.arange(len(replaced(heard))) > 10_000 // 32
    own = loud_blocks(call) & known[:, None]
    only_echo = loud_blocks(echoes, LOUD / 10) & ~loud_blocks(call) & known[:, None]
    assert only_echo.sum() > 100
    assert (replaced(heard) & only_echo).sum() > 0.9 * only_echo.sum()
    assert (replaced(heard) & own).sum() < 0.01 * own.sum()
    assert min(heard.crosstalk.copied_ms) > 1_000
    assert heard.counters.equal_channels == 0


def test_who_speaks_at_the_same_time_as_an_echo_is_heard() -> None:
    """Also where the echo is as loud as its own voice."""
    call = stretch(0, 40_000).copy()
    agent = call[:, 0]
    other = delayed(call[:, 1], -4_000) + delayed(call[:, 1], 3_000)
    call[:, 1] = other * np.float32(0.5)
    mixed = call.copy()
    mixed[:, 1] += echo(agent, level_db=-10, delay_ms=120)

    heard = Heard(on_the_line(mixed))

    both = loud_blocks(call[:, 1:], 10 ** (-30 / 10)) & loud_blocks(call[:, :1])
    assert both.sum() > 100
    assert (replaced(heard)[:, 1:] & both).sum() < 0.03 * both.sum()


def test_an_echo_becomes_as_loud_as_the_noise_around_it() -> None:
    """Behind digital silence, voice activity detection takes noise for speech."""
    rng = np.random.default_rng(0)
    call = stretch(0, 40_000).copy()
    call[:, 1] = 0
    line = rng.standard_normal(call.shape) * 10 ** (-55 / 20)
    mixed = with_echoes(call, level_db=-20) + line

    heard = Heard(on_the_line(mixed.astype(np.float32)))

    blocks = heard.audio[: len(heard.audio) // 256 * 256, 1].reshape(-1, 256)
    levels = 10 * np.log10(np.square(blocks[replaced(heard)[:, 1]]).mean(axis=1))
    assert len(levels) > 100
    assert levels.min() > -60
    assert levels.max() < -53


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
def test_the_noise_of_a_position_is_always_the_same(rate_hz: int) -> None:
    """However it is asked for, so that neither chunks nor a crash change it."""
    factor = rate_hz // 8_000
    start = 16_381 * factor * 3 - 1_001  # to beyond the end of a period

    whole = line_noise(start, start + 3_000, energy=1e-4, factor=factor)
    parts = [
        line_noise(start + n, start + n + 100, energy=1e-4, factor=factor)
        for n in range(0, 3_000, 100)
    ]

    assert np.array_equal(whole, np.concatenate(parts))
    assert abs(np.square(whole).mean() - 1e-4) < 1e-5
    assert abs(whole.mean()) < 1e-3


def test_a_filter_is_fitted_anew_only_where_it_explains_too_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A line that stays as it is costs one fit, one that changes costs more."""
    fits: list[int] = []

    def counted(*args: Any) -> FloatArray:
        fits.append(1)
        return fit_filter(*args)

    monkeypatch.setattr(f"{echo_search.__name__}.fit_filter", counted)
    call = stretch(0, 40_000)
    Heard(on_the_line(same_mix(call)))
    steady = len(fits)
    clock = np.arange(len(call)) * (1 - 300e-6)
    drifting = np.interp(clock, np.arange(len(call)), call.sum(axis=1)).astype(np.float32)
    Heard(on_the_line(np.stack([call.sum(axis=1), drifting], axis=1)))

    assert 0 < steady <= 4
    assert len(fits) - steady > 2 * steady


@pytest.mark.parametrize("gains", [(1.0, 1.0), (1.0, 0.8), (1.0, 0.2)])
def test_two_equal_legs_are_one(gains: tuple[float, float]) -> None:
    call = on_the_line(same_mix(stretch(0, 40_000), gains=gains))

    heard = Heard(call)

    loud = loud_blocks(call)[100:]
    assert np.array_equal(heard.audio[:, 0], call[:, 0])
    assert (replaced(heard)[100:, 1] & loud[:, 1]).sum() > 0.97 * loud[:, 1].sum()
    assert heard.counters.equal_channels == (gains[1] > 0.5)


def test_the_same_party_on_three_legs_is_heard_once() -> None:
    call = on_the_line(same_mix(stretch(0, 30_000), gains=(1.0, 0.9, 0.5)))

    heard = Heard(call)

    loud = loud_blocks(call)[150:]
    passed = loud & ~replaced(heard)[150:]
    assert passed[:, 0].sum() == loud[:, 0].sum()
    assert passed[:, 1:].sum() < 0.05 * loud[:, 1:].sum()


def test_both_legs_with_a_third_sound_keep_their_own_voices() -> None:
    """Such as music that both hear, the second one later."""
    call = stretch(0, 40_000)
    third = delayed(call[:, 0], 16_000) * np.float32(0.2)
    both = call + np.stack([third, delayed(third, 90)], axis=1)

    heard = Heard(on_the_line(both))

    own = loud_blocks(call)
    assert heard.crosstalk.copied_ms[1] > 1_000
    assert (replaced(heard) & own).sum() < 0.02 * own.sum()


def test_an_echo_whose_clock_drifts_stays_known() -> None:
    """By 60 millionths, which is 4 ms a minute."""
    call = stretch(0, 80_000)
    clock = np.arange(len(call)) * (1 - 60e-6)
    drifting = np.interp(clock, np.arange(len(call)), call[:, 0]).astype(np.float32)
    echoed = call.copy()
    echoed[:, 1] += echo(drifting, level_db=-15, delay_ms=100)

    heard = Heard(on_the_line(echoed))

    late = np.arange(len(replaced(heard))) > 50_000 // 32
    only_echo = loud_blocks(call[:, :1])[:, 0] & ~loud_blocks(call[:, 1:], LOUD)[:, 0] & late
    shifted = np.roll(only_echo, 4)
    assert replaced(heard)[shifted, 1].mean() > 0.75


@pytest.mark.parametrize("rate_hz", [11_025, 16_000, 48_000])
def test_other_sample_rates_are_compared_alike(rate_hz: int) -> None:
    echoed = with_echoes(stretch(0, 25_000))
    wide = np.stack([soxr.resample(each, RATE_HZ, rate_hz, "HQ") for each in echoed.T], axis=1)

    heard = Heard(wide.astype(np.float32), rate_hz)

    narrow = Heard(echoed)
    assert heard.audio.shape == wide.shape
    for found, expected in zip(heard.crosstalk.copied_ms, narrow.crosstalk.copied_ms, strict=True):
        assert abs(found - expected) < 0.15 * expected


def test_noise_on_both_legs_is_not_compared_for_long() -> None:
    rng = np.random.default_rng(0)
    noise = (rng.standard_normal((RATE_HZ * 30, 2)) * 0.02).astype(np.float32)
    noise *= (1 + np.sin(np.arange(len(noise)) / 3_000))[:, None].astype(np.float32)

    heard = Heard(noise)

    assert np.array_equal(heard.audio, noise)


def test_a_single_channel_is_passed_on() -> None:
    call = stretch(0, 5_000)[:, :1]

    assert np.array_equal(Heard(call).audio, call)


def test_channels_that_come_apart_are_compared_no_more() -> None:
    """What waited is passed on, and the rest at once and as it is."""
    call = on_the_line(with_echoes(stretch(0, 12_000)))
    crosstalk = Crosstalk(CallCounters())
    crosstalk.open(RATE_HZ, 2, 0)
    crosstalk.insert(0, list(np.ascontiguousarray(call[:80_010].T)))
    copied = crosstalk.copied_ms

    waited = crosstalk.stop()
    legs = list(np.ascontiguousarray(call[80_010:].T))
    rest = crosstalk.insert(80_010, legs)

    assert copied[1] > 0
    assert [start + len(samples) for start, samples in waited] == [80_010, 80_010]
    assert all(len(samples) for _, samples in waited)
    assert all(np.array_equal(found, leg) for (_, found), leg in zip(rest, legs, strict=True))
    assert not crosstalk.state_before(70_000).is_apart
    assert crosstalk.state_before(80_010).is_apart
    assert crosstalk.needed_from(80_010) == 80_010
    assert crosstalk.copied_ms == copied


@pytest.mark.parametrize("first_ms", [1, 300, 5_000])
def test_a_call_may_begin_later_than_was_asked_for(first_ms: int) -> None:
    """As after a stall, or another layout."""
    call, first = on_the_line(with_echoes(stretch(0, 12_000))), first_ms * RATE_HZ // 1000
    crosstalk = Crosstalk(CallCounters())
    crosstalk.open(RATE_HZ, 2, 0)
    found = []
    for start in range(0, len(call), RATE_HZ // 10):
        part = list(np.ascontiguousarray(call[start : start + RATE_HZ // 10].T))
        found.append(crosstalk.insert(first + start, part))

    assert found[0][0][0] == first
    assert crosstalk.copied_ms[1] > 1_000


def test_a_gap_filled_with_silence_is_no_chunk_too_long() -> None:
    """Silence of 5 s and a chunk come as one."""
    call = on_the_line(with_echoes(stretch(0, 12_000)))
    call[RATE_HZ * 4 : RATE_HZ * 9] = 0
    at_once = Crosstalk(CallCounters())
    at_once.open(RATE_HZ, 2, 0)
    bounds = [0, *range(800, RATE_HZ * 4 + 1, 800), *range(RATE_HZ * 9 + 800, len(call), 800)]
    passed = [
        at_once.insert(start, list(np.ascontiguousarray(call[start:end].T)))
        for start, end in pairwise(bounds)
    ]

    expected = Heard(call[: bounds[-1]]).audio
    joined = [np.concatenate([each[n][1] for each in passed]) for n in (0, 1)]
    assert all(np.array_equal(leg, expected[: len(leg), n]) for n, leg in enumerate(joined))

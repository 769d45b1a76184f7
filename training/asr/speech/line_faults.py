"""What telephone networks do to speech at 8 kHz: lost packets, low-rate codecs, overload."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg, signal

from training.asr.speech.utterances import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACKET_SAMPLES = SAMPLE_RATE_HZ // 50  # 20 ms
_FADE = 0.6  # of a repeated packet
_MAX_REPEATS = 3
_CODEC_ORDER = 8
_GRID = 3  # every third sample of the residual is kept, as in GSM full rate
_LEVELS = 8  # 3 bits a pulse
_WEIGHTING = np.array([-134, -374, 0, 2054, 5741, 8192, 5741, 2054, 0, -374, -134]) / 8192
_WHITENING = 1.0001  # keeps the prediction stable in digital silence


def lose_packets(
    samples: NDArray[np.float32], random: np.random.Generator, *, share: float, burst: float = 1.6
) -> NDArray[np.float32]:
    """Return speech of which packets of 20 ms were lost and concealed by fading repeats.

    Args:
        samples: Mono at 8 kHz.
        random: Which ones.
        share: Of packets that are lost, in the long run.
        burst: Mean number of packets lost in a row.

    Source: the Gilbert model; concealment as ITU-T G.711 appendix I, without pitch.
    """
    lost = _lost_packets(random, len(samples) // PACKET_SAMPLES, share, burst)
    heard = samples.copy()
    repeats = 0
    for number in range(1, len(lost)):
        repeats = repeats + 1 if lost[number] else 0
        start = number * PACKET_SAMPLES
        if 0 < repeats <= _MAX_REPEATS:
            before = heard[start - PACKET_SAMPLES : start]
            heard[start : start + PACKET_SAMPLES] = before * _FADE
        elif repeats:
            heard[start : start + PACKET_SAMPLES] = 0.0
    return heard


def _lost_packets(
    random: np.random.Generator, packets: int, share: float, burst: float
) -> NDArray[np.bool_]:
    """Return which packets are lost: a chain of two states."""
    to_received = 1 / burst
    to_lost = min(1.0, to_received * share / max(1 - share, 1e-6))
    draws = random.random(packets)
    lost = np.zeros(packets, np.bool_)
    is_lost = False
    for number in range(packets):
        is_lost = draws[number] < (1 - to_received if is_lost else to_lost)
        lost[number] = is_lost
    return lost


def pass_through_low_rate_codec(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return speech after a codec of about 13 kbit/s: linear prediction, a coarse pulse grid.

    The smoothed residual of each packet keeps every third sample, on the grid with the most
    energy, in 3 bits: regular-pulse excitation, without GSM's long-term prediction.

    Source: ETSI EN 300 961 (GSM 06.10), simplified.
    """
    heard = samples.copy()
    past_input = past_output = np.zeros(_CODEC_ORDER)
    for start in range(0, len(samples) - PACKET_SAMPLES + 1, PACKET_SAMPLES):
        packet = samples[start : start + PACKET_SAMPLES].astype(np.float64)
        prediction = np.concatenate([[1.0], -_predictor(packet)])
        residual, past_input = signal.lfilter(prediction, [1.0], packet, zi=past_input)
        pulses = _coarse_pulses(residual)
        spoken, past_output = signal.lfilter([1.0], prediction, pulses, zi=past_output)
        heard[start : start + PACKET_SAMPLES] = spoken
    return np.clip(heard, -1.0, 1.0)


def _predictor(packet: NDArray[np.float64]) -> NDArray[np.float64]:
    windowed = packet * np.hamming(len(packet))
    products = np.correlate(windowed, windowed, "full")[len(packet) - 1 :]
    correlation = products[: _CODEC_ORDER + 1].copy()
    correlation[0] = correlation[0] * _WHITENING + 1e-9
    coefficients: NDArray[np.float64] = linalg.solve_toeplitz(correlation[:-1], correlation[1:])
    return coefficients


def _coarse_pulses(residual: NDArray[np.float64]) -> NDArray[np.float64]:
    smooth = np.convolve(residual, _WEIGHTING, mode="same")
    grid = max(range(_GRID), key=lambda first: float(np.square(smooth[first::_GRID]).sum()))
    kept = smooth[grid::_GRID]
    pulses = np.zeros_like(residual)
    step = 2 * float(np.abs(kept).max()) / _LEVELS
    if step > 0:
        levels = np.clip(np.floor(kept / step), -_LEVELS / 2, _LEVELS / 2 - 1)
        pulses[grid::_GRID] = (levels + 0.5) * step
    return pulses


def overload(samples: NDArray[np.float32], gain: float) -> NDArray[np.float32]:
    """Return speech that was amplified by ``gain`` beyond full scale and clipped."""
    return np.asarray(np.clip(samples * gain, -1.0, 1.0), np.float32)

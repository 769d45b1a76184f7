"""What is known of the echoes of a call between two steps: small enough for a checkpoint."""

from base64 import b64decode, b64encode
from functools import cached_property
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from models.audio.samples import FloatArray
from schemas.base import Channel

TAPS = 96  # 12 ms at 8 kHz: the filters of a line
TAPS_TEXT = 4 * (TAPS * 2 // 3)
SPECTRUM = 16 * TAPS  # points
BETWEEN_BINS = 1.02  # the highest gain to the highest at a point of the spectrum, in energy
EQUAL_GAIN = 2.0  # in energy: no more apart


def as_text(filter_taps: FloatArray) -> str:
    """Return a filter as `EchoPath.taps` has it."""
    return b64encode(filter_taps.astype(np.float16).tobytes()).decode()


class EchoPath(msgspec.Struct, frozen=True, kw_only=True, dict=True, omit_defaults=True):
    """How a channel comes to have what another one has.

    Attributes:
        copy: Channel that has the echo.
        source: Channel that has the original.
        first: Delay of the filter's first tap in samples; negative where the echo comes before
            the original.
        taps: The filter, as float16 in base64.
        leftover: Share of the echo's energy that the filter does not explain.
        gain: How much louder the echo is than the original, in energy.
        fitted_step: When the filter was fitted.
    """

    copy: Channel
    source: Channel
    first: int
    taps: Annotated[str, Meta(min_length=TAPS_TEXT, max_length=TAPS_TEXT)]
    leftover: float = 0.0
    gain: float = 0.0
    fitted_step: int = 0

    @property
    def is_equal(self) -> bool:
        """Return whether the echo is about as loud as the original."""
        return 1 / EQUAL_GAIN <= self.gain <= EQUAL_GAIN

    @cached_property
    def filter_taps(self) -> FloatArray:
        """Return the filter, shape (TAPS,)."""
        return np.frombuffer(b64decode(self.taps), np.float16).astype(np.float32)

    @cached_property
    def most_gain(self) -> float:
        """Return by how much the filter may raise the energy of a sound of any frequency."""
        response = np.abs(np.fft.rfft(self.filter_taps, SPECTRUM))
        return BETWEEN_BINS * float(response.max()) ** 2


class Pair(msgspec.Struct, frozen=True, array_like=True):
    """What was heard of two channels that have a sound at the same time.

    Attributes:
        first: Lower number of the two.
        second: Higher number.
        misses: Searches in a row that found nothing.
        delay: That the last search found, not clearly enough to go by.
    """

    first: Channel
    second: Channel
    misses: int = 0
    delay: int | None = None


class EchoState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of the echoes of a call before a step.

    Bits are those of the last 16 blocks of each channel, the last one lowest.

    Attributes:
        rate_hz: Sample rate of the call, in which positions are; 0 before any audio.
        step: Which one.
        is_apart: Its channels came in messages of their own, and are compared no more.
        since: Position before which there is no audio.
        passed: Position up to which audio was passed on.
        floors: Energy of each channel's noise.
        loud: Bits, 1 for a sound.
        explained: Bits, 1 for an echo.
        own_until: For each channel the block before which it counts as speaking itself.
        paths: By which echoes come.
        pairs: Of channels that were searched.
        copied: For each channel how many blocks had a sound that was an echo.
        equal: For each channel how many of them were as loud as the original.
    """

    rate_hz: int = 0
    step: int = 0
    is_apart: bool = False
    since: int = 0
    passed: int = 0
    floors: tuple[float, ...] = ()
    loud: tuple[int, ...] = ()
    explained: tuple[int, ...] = ()
    own_until: tuple[int, ...] = ()
    paths: tuple[EchoPath, ...] = ()
    pairs: tuple[Pair, ...] = ()
    copied: tuple[int, ...] = ()
    equal: tuple[int, ...] = ()

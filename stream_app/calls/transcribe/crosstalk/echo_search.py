"""Finds out by which way one channel has what another one has.

Where two channels have a sound at the same time, the delay between them is looked for. It counts
if it is clear, or if it is found twice. Then a filter is fitted, which counts if it explains the
sound. The copy is the channel that has it later, unless it is much louder there; without a delay,
the one with the higher number.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from models.audio.echo_path import find_delay, fit_filter, residual
from models.audio.samples import FloatArray
from stream_app.calls.transcribe.crosstalk.block_grid import (
    FITTED_BLOCKS,
    LONGEST_DELAY_BLOCKS,
    SEARCHED_BLOCKS,
    STEP_BLOCKS,
    BlockGrid,
)
from stream_app.calls.transcribe.crosstalk.compared_audio import ComparedAudio, mean_square
from stream_app.calls.transcribe.crosstalk.echo_state import TAPS, EchoPath, Pair, as_text

TAPS_BEFORE = 16  # of the filter before the delay, which is not exact
CLEAR_SHARPNESS = 8.0
POSSIBLE_SHARPNESS = 5.5
SAME_DELAY = 12  # samples
LOUDER = 4.0  # in energy: what is so much louder is no echo, though it comes later
EXPLAINED = 0.5  # of the energy; or all but noise
LEAST_EXPLAINED = 0.06  # of audio that the filter was not fitted to
LEAST_EXPLAINED_TWICE = 0.01  # if the delay was found twice
TESTED_BLOCKS = 5
GOOD_LEFTOVER = 0.02  # of the energy: a filter that leaves so little is not fitted anew
CLEAR_LEFTOVER = 0.25  # of the energy: no filter explains so much by chance
NOISE = 2.0  # times its floor is nothing but noise
TINY = 1e-12


class EchoSearch:
    """Looks at the channels at the end of a step.

    Args:
        grid: Of the call.
        audio: Of each channel.
        floors: Energy of each channel's noise.
        step: The step that has ended.
    """

    def __init__(
        self,
        grid: BlockGrid,
        audio: Sequence[ComparedAudio],
        floors: Sequence[float],
        step: int,
    ) -> None:
        self._grid = grid
        self._audio = audio
        self._floors = floors
        self._step = step
        self._end = (step + 1) * STEP_BLOCKS * grid.compared

    def search(self, pair: Pair) -> tuple[EchoPath | None, Pair]:
        """Return by which way one of two channels has what the other one has, and what was heard.

        Args:
            pair: The two, and what was heard of them before.
        """
        start = self._end - SEARCHED_BLOCKS * self._grid.compared
        longest = LONGEST_DELAY_BLOCKS * self._grid.compared
        first, second = (
            self._audio[n].between(start, self._end) for n in (pair.first, pair.second)
        )
        found = find_delay(second, first, self._grid.compared_hz, longest)
        if found.sharpness < POSSIBLE_SHARPNESS:
            return None, Pair(pair.first, pair.second, pair.misses + 1)
        is_known = pair.delay is not None and abs(pair.delay - found.samples) <= SAME_DELAY
        heard = Pair(pair.first, pair.second, pair.misses, found.samples)
        if found.sharpness < CLEAR_SHARPNESS and not is_known:
            return None, heard
        least = LEAST_EXPLAINED_TWICE if is_known else LEAST_EXPLAINED
        return self._path(heard, found.samples, least), heard

    def refit(self, path: EchoPath) -> EchoPath:
        """Return a path with its filter fitted anew.

        It stays as it is where it explains nearly all, and where a new one explains nothing.
        """
        kept = msgspec.structs.replace(path, fitted_step=self._step)
        audio, reference = self._fitted_audio(path.copy, path.source, path.first)
        left = mean_square(residual(audio, reference, path.filter_taps))
        if left <= max(GOOD_LEFTOVER * mean_square(audio), NOISE * self._floors[path.copy]):
            return kept
        peak = int(np.argmax(np.abs(path.filter_taps)))
        first = path.first + peak - TAPS_BEFORE
        first = first if path.first < 0 else max(first, 0)
        fitted = self._fitted(path.copy, path.source, first)
        if fitted is None or fitted.leftover <= CLEAR_LEFTOVER:
            return fitted or kept
        return fitted if self._explains(fitted, LEAST_EXPLAINED_TWICE) else kept

    def _path(self, pair: Pair, delay: int, least: float) -> EchoPath | None:
        copy, source = pair.second, pair.first
        if delay < 0:
            copy, source, delay = source, copy, -delay
        path = self._fitted(copy, source, max(delay - TAPS_BEFORE, 0))
        if path is None or not self._explains(path, least):
            return None
        if path.gain <= LOUDER:
            return path
        first = -delay - TAPS_BEFORE if delay > TAPS_BEFORE else 0
        path = self._fitted(source, copy, first)
        return path if path is not None and self._explains(path, least) else None

    def _fitted_audio(self, copy: int, source: int, first: int) -> tuple[FloatArray, FloatArray]:
        """Return the audio of a copy to which a filter is fitted, and that which it filters."""
        end = self._end + min(first, 0)  # of what has its original
        start = end - FITTED_BLOCKS * self._grid.compared
        audio = self._audio[copy].between(start, end)
        return audio, self._audio[source].between(start - first - TAPS + 1, end - first)

    def _explains(self, path: EchoPath, least: float) -> bool:
        """Return whether a filter explains so much of audio that it was not fitted to."""
        audio, reference = self._fitted_audio(path.copy, path.source, path.first)
        return _explained(audio, reference, TESTED_BLOCKS * self._grid.compared) >= least

    def _fitted(self, copy: int, source: int, first: int) -> EchoPath | None:
        audio, reference = self._fitted_audio(copy, source, first)
        text = as_text(fit_filter(audio, reference, TAPS))
        path = EchoPath(copy=copy, source=source, first=first, taps=text, fitted_step=self._step)
        rest = residual(audio, reference, path.filter_taps)
        energy, left, floor = mean_square(audio), mean_square(rest), self._floors[copy]
        if left > max((1 - EXPLAINED) * energy, NOISE * floor):
            return None
        gain = mean_square(audio - rest) / max(mean_square(reference[TAPS - 1 :]), TINY)
        leftover = max(left - floor, 0.0) / max(energy, TINY)
        return msgspec.structs.replace(path, leftover=round(leftover, 4), gain=round(gain, 6))


def _explained(audio: FloatArray, reference: FloatArray, tested: int) -> float:
    """Return how much of the ``tested`` last samples a filter explains that the others made.

    A filter explains a part of whatever it is fitted to.
    """
    taps = fit_filter(audio[:-tested], reference[:-tested], TAPS)
    last = audio[-tested:]
    rest = residual(last, reference[-tested - TAPS + 1 :], taps)
    return 1 - mean_square(rest) / max(mean_square(last), TINY)

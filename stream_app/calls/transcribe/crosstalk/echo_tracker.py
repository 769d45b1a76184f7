"""The echoes between the channels of a call, followed step by step."""

import math
from collections.abc import Sequence
from itertools import combinations

from models.audio.echo_path import residual
from stream_app.calls.counters import CallCounters
from stream_app.calls.transcribe.crosstalk.block_grid import (
    BLOCK_MS,
    FITTED_BLOCKS,
    STEP_BLOCKS,
    BlockGrid,
)
from stream_app.calls.transcribe.crosstalk.block_marks import BlockMarks
from stream_app.calls.transcribe.crosstalk.compared_audio import ComparedAudio, mean_square
from stream_app.calls.transcribe.crosstalk.echo_search import NOISE, TAPS_BEFORE, EchoSearch
from stream_app.calls.transcribe.crosstalk.echo_state import TAPS, EchoPath, EchoState, Pair

LOUD_BLOCKS = 6  # of the last 16, on both channels, before they are searched
SEARCH_STEPS = (2, 2, 2, 4, 8)  # between searches, by how many found nothing
REFIT_STEPS = 16
MARKED_BLOCKS = 28  # before an echo becomes known
FLOOR_RISE = 1.01  # a step
LEAST_FLOOR, MOST_FLOOR = 1e-8, 1e-4
LOUD_SOURCE = 4.0  # times its floor
LEAST_LEFTOVER, MOST_LEFTOVER, LEFTOVER_MARGIN = 0.1, 0.5, 4.0
OWN_LEFTOVER, OWN_NOISE = 0.5, 4.0  # of a block's energy, and times the floor: own speech
OWN_BLOCKS = 4  # passed on behind two in which the party itself speaks
REVERSE_SAMPLES = 64
EQUAL_BLOCKS = 3_000 // BLOCK_MS
STEP_BITS = (1 << STEP_BLOCKS) - 1
NO_COPIES: frozenset[int] = frozenset()
ALL_BITS = (1 << FITTED_BLOCKS) - 1


class EchoTracker:
    """The echoes of a call: which there are, and which blocks are nothing else.

    Args:
        grid: Of the call.
        state: Where to go on.
        counters: What is found is counted there.

    Attributes:
        step: The present step.
        audio: Of each channel, as it came.
        marks: Of each channel.
        copied: For each channel how many blocks had a sound that was an echo.
        wait: Samples after a block that must have come before `copies_in` is asked about it; None
            while no echo is known.
        last_copies: The channels on which the last block was nothing but echo.
    """

    def __init__(self, grid: BlockGrid, state: EchoState, counters: CallCounters) -> None:
        self._grid = grid
        self._counters = counters
        self._since = state.since
        self.floors = list(state.floors)
        self._loud = list(state.loud)
        self._explained = list(state.explained)
        self._own_until = list(state.own_until)
        self._equal = list(state.equal)
        self._pairs = {(pair.first, pair.second): pair for pair in state.pairs}
        self._echoes = [0] * len(state.loud)
        self._found = [0] * len(state.loud)
        self.last_copies = NO_COPIES
        self.step = state.step
        self.copied = list(state.copied)
        start = max(state.step * grid.step - grid.history, state.since)
        self.audio = [ComparedAudio(grid, start) for _ in state.loud]
        self.marks = [BlockMarks(state.step) for _ in state.loud]
        self.wait: int | None = None
        self._set_paths(list(state.paths))

    def state(self, passed: int) -> EchoState:
        """Return all that what follows depends on, between two steps.

        Args:
            passed: Position up to which audio was passed on.
        """
        return EchoState(
            rate_hz=self._grid.rate_hz,
            step=self.step,
            since=self._since,
            passed=passed,
            floors=tuple(self.floors),
            loud=tuple(self._loud),
            explained=tuple(self._explained),
            own_until=tuple(self._own_until),
            paths=tuple(self._paths),
            pairs=tuple(self._pairs.values()),
            copied=tuple(self.copied),
            equal=tuple(self._equal),
        )

    def skip_to(self, step: int) -> None:
        """Begin with a later step, before any audio."""
        self.step = step
        self.marks = [BlockMarks(step) for _ in self.marks]

    def copies_in(self, block: int) -> frozenset[int]:
        """Return the channels on which the next block is nothing but echo."""
        found = [path.copy for path in self._paths if self._is_echo(path, block, self._own_until)]
        copies = self.last_copies = frozenset(found) if found else NO_COPIES
        for channel in copies:
            self._found[channel] += self._has_sound(channel, block)
            if block // STEP_BLOCKS == self.step:
                self._echoes[channel] |= 1 << (STEP_BLOCKS - 1 - block % STEP_BLOCKS)
            else:
                self.marks[channel].silence(block)
        return copies

    def end_step(self) -> None:
        """Take in that all audio of the present step has come."""
        self._listen()
        end = (self.step + 1) * STEP_BLOCKS
        found, self._found = self._found, [0] * len(self._found)
        for channel, count in enumerate(found):
            bits = (1 << min(count, STEP_BLOCKS)) - 1
            self._explained[channel] = (self._explained[channel] << STEP_BLOCKS | bits) & ALL_BITS
        for pair in combinations(range(len(found)), 2):
            if all(self._loud[channel].bit_count() >= LOUD_BLOCKS for channel in pair):
                new = self._search(*pair)
                if new is not None:
                    found[new.copy] += self._mark_before(new, end)
            elif self._pairs:
                self._pairs.pop(pair, None)
        self._count(found)
        self.step += 1

    # What the blocks of a step are

    def _listen(self) -> None:
        """Take in which blocks of the step have a sound, and the level of the noise."""
        for channel, audio in enumerate(self.audio):
            first = self.step * STEP_BLOCKS
            energies = [audio.energy(block) for block in range(first, first + STEP_BLOCKS)]
            floor = self._raise_floor(channel, min(energies))
            loud = 0
            for energy in energies:
                loud = loud << 1 | (energy > NOISE * floor)
            self._loud[channel] = (self._loud[channel] << STEP_BLOCKS | loud) & ALL_BITS
            self.marks[channel].append(loud & ~self._echoes[channel])
            self._echoes[channel] = 0

    def _raise_floor(self, channel: int, energy: float) -> float:
        if len(self.floors) <= channel:
            self.floors.append(MOST_FLOOR)
        floor = min(energy, self.floors[channel] * FLOOR_RISE, MOST_FLOOR)
        self.floors[channel] = max(floor, LEAST_FLOOR)
        return self.floors[channel]

    def _has_sound(self, channel: int, block: int) -> bool:
        return self.audio[channel].energy(block) > NOISE * self.floors[channel]

    def _mark_before(self, path: EchoPath, end: int) -> int:
        """Return how many blocks with a sound that was passed on turn out to be an echo.

        Args:
            path: That was found now.
            end: Block before which all audio has come.
        """
        marks = self.marks[path.copy]
        last = end + min(path.first, 0) // self._grid.compared
        return sum(
            marks.mark_copied(block, end)
            for block in range(end - MARKED_BLOCKS, last)
            if marks.is_loud(block) and self._is_echo(path, block)
        )

    def _is_echo(self, path: EchoPath, block: int, own_until: list[int] | None = None) -> bool:
        """Return whether a path explains all that a block has.

        Args:
            path: One of those that are known.
            block: Whose audio and whose original have come.
            own_until: Of each channel, where the blocks come in order; changed in place.
        """
        size, channel = self._grid.compared, path.copy
        floor, energy = self.floors[channel], self.audio[channel].energy(block)
        if energy <= NOISE * floor:
            return False
        start = block * size
        at = start - path.first
        reference = self.audio[path.source].between(at - TAPS + 1, at + size)
        source = mean_square(reference)
        if source <= LOUD_SOURCE * self.floors[path.source]:
            return False
        left = _least_left(energy, path.most_gain * source * len(reference) / size)
        if left <= max(OWN_LEFTOVER * energy, OWN_NOISE * floor):
            audio = self.audio[channel].between(start, start + size)
            left = mean_square(residual(audio, reference, path.filter_taps))
        if own_until is not None:
            if left > max(OWN_LEFTOVER * energy, OWN_NOISE * floor):
                is_second = own_until[channel] >= block
                own_until[channel] = block + 1 + OWN_BLOCKS * is_second
                return False
            if block < own_until[channel]:
                return False
        return left <= max(_allowed(path) * energy, NOISE * floor)

    def _count(self, found: Sequence[int]) -> None:
        for channel, count in enumerate(found):
            if not count:
                continue
            self.copied[channel] += count
            self._counters.crosstalk_ms += count * BLOCK_MS
            if any(path.copy == channel and path.is_equal for path in self._paths):
                before = self._equal[channel]
                self._equal[channel] += count
                is_told = before < EQUAL_BLOCKS <= self._equal[channel]
                self._counters.equal_channels += is_told

    # Which echoes there are

    def _search(self, first: int, second: int) -> EchoPath | None:
        """Return an echo between two channels that was not known."""
        search = EchoSearch(self._grid, self.audio, self.floors, self.step)
        fitting = [path for path in self._paths if self._fits(path, {first, second})]
        if fitting:
            due = [p for p in fitting if self.step - p.fitted_step >= REFIT_STEPS]
            for path in due:
                self._set_paths([search.refit(p) if p is path else p for p in self._paths])
            return None
        pair = self._pairs.get((first, second), Pair(first, second))
        if self.step % SEARCH_STEPS[min(pair.misses, len(SEARCH_STEPS) - 1)]:
            return None
        found, self._pairs[first, second] = search.search(pair)
        if found is not None:
            self._set_paths([p for p in self._paths if not _is_replaced(p, found)] + [found])
        return found

    def _fits(self, path: EchoPath, pair: set[int]) -> bool:
        """Return whether a path between two channels explains most of what its copy has."""
        explained = self._explained[path.copy].bit_count()
        return {path.copy, path.source} == pair and (
            2 * explained >= self._loud[path.copy].bit_count()
        )

    def _set_paths(self, paths: list[EchoPath]) -> None:
        self._paths = paths
        earliest = min((path.first for path in paths), default=0)
        self.wait = max(-earliest, 0) * self._grid.factor if paths else None


def _is_replaced(old: EchoPath, new: EchoPath) -> bool:
    """Return whether a path is out of date: the same one, or the same with its ends exchanged."""
    if (old.copy, old.source) == (new.copy, new.source):
        return True
    is_exchanged = (old.copy, old.source) == (new.source, new.copy)
    return is_exchanged and abs(old.first + new.first + 2 * TAPS_BEFORE) <= REVERSE_SAMPLES


def _allowed(path: EchoPath) -> float:
    """Return the share of an echo's energy that may be left where it is nothing but echo."""
    return min(max(LEFTOVER_MARGIN * path.leftover, LEAST_LEFTOVER), MOST_LEFTOVER)


def _least_left(energy: float, echo: float) -> float:
    """Return the energy that is left of a sound at least without an echo of at most ``echo``."""
    return (math.sqrt(energy) - math.sqrt(echo)) ** 2 if energy > echo else 0.0

"""Crosstalk of a call: what a channel has of another one is passed on as noise of the line.

While no echo is known, audio is passed on as it comes. Once it is known how an echo comes about
(`echo_tracker`), each block of the grid is passed on when it is whole, as noise where the echo
explains it. What was passed on before that was known is marked, so that a segment that is made of
it has no words.

All this is a function of an `EchoState` and of the audio since ``needed_from``, so that a fresh
worker goes on as the old one did.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from models.audio.samples import FloatArray, no_samples
from stream_app.calls.counters import CallCounters
from stream_app.calls.transcribe.crosstalk.block_grid import BLOCK_MS, STEP_BLOCKS, BlockGrid
from stream_app.calls.transcribe.crosstalk.echo_state import EchoState
from stream_app.calls.transcribe.crosstalk.echo_tracker import EchoTracker
from stream_app.calls.transcribe.crosstalk.line_noise import line_noise
from stream_app.calls.transcribe.input.sequence_point import to_position

SNAPSHOT_STEPS = 2
MIN_CHANNELS = 2


class _Echo(NamedTuple):
    """Audio of a channel that is nothing but echo, by positions, and the energy of its noise."""

    channel: int
    start: int
    end: int
    noise: float


class Crosstalk:
    """What the channels of a call have of one another.

    Args:
        counters: What is found is counted there.
        state: Where to go on.
    """

    def __init__(self, counters: CallCounters, state: EchoState | None = None) -> None:
        self._counters = counters
        self._channels = 0
        self._is_apart = False
        self._is_new = True
        self._held: list[FloatArray] = []
        self._begin(state or EchoState())

    @property
    def copied_ms(self) -> tuple[int, ...]:
        """Return the crosstalk that each channel had, in ms."""
        return tuple(blocks * BLOCK_MS for blocks in self._tracker.copied)

    def open(self, rate_hz: int, channels: int, start: int) -> None:
        """Begin, or go on, with so many channels.

        Args:
            rate_hz: Of their audio.
            channels: How many; a single one is passed on as it comes.
            start: Position from which audio is needed, if they are others than before.
        """
        self._channels = channels
        state = self._states[-1] if self._is_apart else self._tracker.state(self._position)
        if (state.rate_hz, len(state.loud)) != (rate_hz, channels):
            copied = state.copied + (0,) * (channels - len(state.copied))
            none = (0,) * channels
            state = EchoState(
                rate_hz=rate_hz,
                step=start // BlockGrid(rate_hz).step,
                since=start,
                passed=start,
                loud=none,
                explained=none,
                own_until=none,
                copied=copied,
                equal=(0,) * len(copied),
            )
        self._begin(state)

    def insert(self, start: int, audio: Sequence[FloatArray]) -> list[tuple[int, FloatArray]]:
        """Return the audio of each channel without crosstalk, and where it begins.

        Args:
            start: Position of the first sample.
            audio: Of each channel, shape (n_samples,); follows on what came before.
        """
        if self._channels < MIN_CHANNELS or self._is_apart:
            return [(start, samples) for samples in audio]
        if self._is_new:
            self._skip_to(start)
        first = self._position
        waiting = self._waiting(start, audio)
        echoes: list[_Echo] = []
        for part in range(0, len(audio[0]), self._grid.step):  # a filled gap is long
            for known, samples in zip(self._tracker.audio, audio, strict=True):
                known.append(start + part, samples[part : part + self._grid.step])
            echoes += self._advance(min(start + part + self._grid.step, start + len(audio[0])))
        passed = self._position - first
        if passed == len(waiting[0]):
            self._held = []
        else:
            self._held = [samples[passed:] for samples in waiting]
        return self._without(echoes, first, [samples[:passed] for samples in waiting])

    def flush(self) -> list[tuple[int, FloatArray]]:
        """Return the audio that waited, as `insert` does: what it is was not decided any more."""
        first, held = self._position, self._held or [no_samples()] * self._channels
        self._held = []
        self._position += len(held[0]) if held else 0
        copies = self._tracker.last_copies
        return self._without([self._echo(n, first, self._position) for n in copies], first, held)

    def stop(self) -> list[tuple[int, FloatArray]]:
        """Return the audio that waited, as `flush` does; from now on all is passed on as it comes.

        Channels that come in messages of their own are not compared.
        """
        if self._channels < MIN_CHANNELS or self._is_apart:
            return []
        passed = self.flush()
        none = (0,) * self._channels
        self._is_apart = True
        self._states.append(
            EchoState(
                rate_hz=self._grid.rate_hz,
                is_apart=True,
                passed=self._position,
                loud=none,
                explained=none,
                own_until=none,
                copied=tuple(self._tracker.copied),
                equal=self._tracker.state(self._position).equal,
            )
        )
        return passed

    def move_to(self, position: int) -> None:
        """Go on at a position, before which there is no audio; one further back changes nothing.

        What is known of echoes stays.
        """
        if self._channels < MIN_CHANNELS or self._is_apart:
            return
        if position > self._since:
            step = position // self._grid.step
            state = self._tracker.state(position)
            self._begin(msgspec.structs.replace(state, step=step, since=position))

    def is_copied(self, channel: int, start_ms: int, end_ms: int, at_ms: int) -> bool:
        """Return whether a segment is known as crosstalk once audio up to ``at_ms`` has come."""
        if self._channels < MIN_CHANNELS:
            return False
        grid = self._grid
        start, end, at = (to_position(ms, grid.rate_hz) for ms in (start_ms, end_ms, at_ms))
        known = at // grid.step * STEP_BLOCKS
        marks = self._tracker.marks[channel]
        return marks.is_copied(start // grid.block, end // grid.block + 1, known)

    def state_before(self, position: int) -> EchoState:
        """Return a state from which audio from a position on comes out as it did."""
        while len(self._states) > 1 and self._states[1].passed <= position:
            del self._states[0]
        return self._states[0]

    def needed_from(self, position: int) -> int:
        """Return from where on a fresh worker needs audio to have it from a position on."""
        if self._channels < MIN_CHANNELS:
            return position
        state = self.state_before(position)
        if state.is_apart:
            return position
        return min(position, max(state.step * self._grid.step - self._grid.history, state.since))

    def _begin(self, state: EchoState) -> None:
        self._grid = BlockGrid(state.rate_hz)
        self._since = state.since
        self._is_apart = state.is_apart
        self._states = [state]
        self._tracker = EchoTracker(self._grid, state, self._counters)
        self._position = state.passed
        self._held = []
        self._is_new = True

    def _skip_to(self, start: int) -> None:
        """Begin with the first audio, which may come later than was asked for."""
        self._is_new = False
        if start > self._position:
            self._position = start
            self._tracker.skip_to(start // self._grid.step)

    def _waiting(self, start: int, audio: Sequence[FloatArray]) -> Sequence[FloatArray]:
        """Return the audio from the present position on."""
        if self._held:
            return [np.concatenate(parts) for parts in zip(self._held, audio, strict=True)]
        surplus = self._position - start
        return [samples[surplus:] for samples in audio] if surplus > 0 else audio

    def _advance(self, end: int) -> list[_Echo]:
        """Return the blocks that are nothing but echo, of those that are passed on.

        Args:
            end: Position up to which audio has come.
        """
        tracker = self._tracker
        echoes: list[_Echo] = []
        while True:
            step_end = (tracker.step + 1) * self._grid.step
            until, known = self._next_block(min(end, step_end))
            if known <= min(end, step_end) and until > self._position:
                if tracker.wait is not None:
                    block = self._position // self._grid.block
                    copies = tracker.copies_in(block)
                    echoes += [self._echo(n, self._position, until) for n in copies]
                self._position = until
            elif step_end <= end:
                tracker.end_step()
                if tracker.step % SNAPSHOT_STEPS == 0:
                    self._states.append(tracker.state(self._position))
            else:
                return echoes

    def _next_block(self, end: int) -> tuple[int, int]:
        """Return up to where audio is passed on next, and how much must have come for it.

        Args:
            end: Position up to which it has come, or to the end of the step.
        """
        wait = self._tracker.wait
        if wait is None:
            return end, end
        until = (self._position // self._grid.block + 1) * self._grid.block
        return until, until + wait

    def _echo(self, channel: int, start: int, end: int) -> _Echo:
        return _Echo(channel, start, end, self._tracker.floors[channel])

    def _without(
        self, echoes: Sequence[_Echo], first: int, audio: Sequence[FloatArray]
    ) -> list[tuple[int, FloatArray]]:
        """Return audio that begins at ``first`` with noise in place of echoes."""
        if not echoes:
            return [(first, samples) for samples in audio]
        heard = list(audio)
        for channel in {echo.channel for echo in echoes}:
            heard[channel] = audio[channel].copy()
        for channel, start, end, energy in echoes:
            noise = line_noise(start, end, energy=energy, factor=self._grid.factor)
            heard[channel][start - first : end - first] = noise
        return [(first, samples) for samples in heard]

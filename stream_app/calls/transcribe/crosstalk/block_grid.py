"""The grid of blocks and steps on which channels are compared."""

from dataclasses import dataclass
from functools import cached_property

COMPARED_HZ = 8_000  # at least; what is above 4 kHz does not count
BLOCK_MS = 32
STEP_BLOCKS = 4
FITTED_BLOCKS = 16
SEARCHED_BLOCKS = 30
LONGEST_DELAY_BLOCKS = 14
HISTORY_BLOCKS = SEARCHED_BLOCKS + LONGEST_DELAY_BLOCKS + 2


@dataclass(frozen=True)
class BlockGrid:
    """Blocks of 32 ms, counted from the call's start, and steps of four blocks.

    Attributes:
        rate_hz: Sample rate of the call.
    """

    rate_hz: int

    @cached_property
    def factor(self) -> int:
        """Return how many samples are compared as one."""
        return max(self.rate_hz // COMPARED_HZ, 1)

    @cached_property
    def compared_hz(self) -> int:
        """Return the rate at which channels are compared."""
        return self.rate_hz // self.factor

    @cached_property
    def compared(self) -> int:
        """Return how many compared samples a block has."""
        return self.compared_hz * BLOCK_MS // 1000

    @cached_property
    def block(self) -> int:
        """Return how many samples a block has."""
        return self.compared * self.factor

    @cached_property
    def step(self) -> int:
        """Return how many samples a step has."""
        return STEP_BLOCKS * self.block

    @cached_property
    def history(self) -> int:
        """Return how many samples before a step may count in it."""
        return HISTORY_BLOCKS * self.block

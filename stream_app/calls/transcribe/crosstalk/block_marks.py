"""Which blocks of a channel had a sound, and which of these turned out to be crosstalk."""

from stream_app.calls.transcribe.crosstalk.block_grid import STEP_BLOCKS

KEPT_STEPS = 320  # 41 s: longer than any segment
OWN_SHARE = 0.4  # of the sound in a segment; with less speech of its own it is crosstalk


class BlockMarks:
    """The last blocks of a channel, as they were passed on.

    Args:
        step: Number of the first step.
    """

    def __init__(self, step: int) -> None:
        self._step = step
        self._loud = bytearray()
        self._copied: dict[int, int] = {}

    def append(self, loud: int) -> None:
        """Take in the next step: its blocks as bits, the last one lowest, 1 for a sound."""
        self._loud.append(loud)
        if len(self._loud) >= 2 * KEPT_STEPS:
            del self._loud[:KEPT_STEPS]
            self._step += KEPT_STEPS
            first = self._step * STEP_BLOCKS
            self._copied = {n: known for n, known in self._copied.items() if n >= first}

    def silence(self, block: int) -> None:
        """Take in that a block of an earlier step was not passed on."""
        step, place = divmod(block, STEP_BLOCKS)
        if 0 <= step - self._step < len(self._loud):
            self._loud[step - self._step] &= ~(1 << (STEP_BLOCKS - 1 - place))

    def is_loud(self, block: int) -> bool:
        """Return whether a sound was passed on in a block."""
        step, place = divmod(block, STEP_BLOCKS)
        if not 0 <= step - self._step < len(self._loud):
            return False
        return bool(self._loud[step - self._step] >> (STEP_BLOCKS - 1 - place) & 1)

    def mark_copied(self, block: int, known: int) -> bool:
        """Return whether it is news that a sound was crosstalk.

        Args:
            block: Number of the block.
            known: Block from which on that is known.
        """
        is_news = block not in self._copied and self.is_loud(block)
        if is_news:
            self._copied[block] = known
        return is_news

    def is_copied(self, start: int, end: int, at: int) -> bool:
        """Return whether most of the sound in blocks [start, end) is known as crosstalk.

        Args:
            start: First block.
            end: Block after the last one.
            at: Block up to which the audio is known.
        """
        if not self._copied:
            return False
        copied = own = 0
        for block in range(start, min(end, at)):
            if self._copied.get(block, at + 1) <= at:
                copied += 1
            elif self.is_loud(block):
                own += 1
        return copied > 0 and own * (1 - OWN_SHARE) <= copied * OWN_SHARE

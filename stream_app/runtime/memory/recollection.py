"""A bounded mapping that forgets the oldest entries."""

from collections import OrderedDict
from typing import Any


class Recollection(OrderedDict[tuple[Any, ...], int]):
    """Numbers of the last things they were noted for.

    Args:
        size: Most things remembered; what was noted longest ago is forgotten.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def note(self, key: tuple[Any, ...], number: int = 1) -> None:
        """Remember a number, instead of an older one."""
        self[key] = number
        self.move_to_end(key)
        if len(self) > self._size:
            self.popitem(last=False)

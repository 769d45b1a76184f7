"""The committable offset never passes an unacknowledged message, and gets as far as it may."""

import random

from hypothesis import given
from hypothesis import strategies as st

from stream_app.transport.acknowledgements import AckTracker


class NaiveTracker:
    """Acknowledgements by the definition: every delivered offset is looked at each time."""

    def __init__(self, base: int | None) -> None:
        self.base = base
        self._delivered: dict[int, bool] = {}

    def deliver(self, offset: int) -> bool:
        """Return whether the offset is new."""
        if self.base is None:
            self.base = offset
        if offset < self.base or any(known >= offset for known in self._delivered):
            return False
        self._delivered[offset] = False
        return True

    def acknowledge(self, offset: int) -> bool:
        """Return whether this is news."""
        is_news = self._delivered.get(offset) is False
        if is_news:
            self._delivered[offset] = True
        return is_news

    @property
    def watermark(self) -> int | None:
        """The first offset that may not be committed."""
        mark = self.base
        for offset in sorted(self._delivered):
            if not self._delivered[offset]:
                break
            mark = offset + 1
        return mark


offsets = st.integers(min_value=0, max_value=40)
steps = st.lists(st.tuples(st.sampled_from(["deliver", "acknowledge", "commit"]), offsets))


@given(base=st.none() | offsets, steps=steps)
def test_it_agrees_with_the_definition(base: int | None, steps: list[tuple[str, int]]) -> None:
    """Whatever is delivered, acknowledged and committed, in whatever order."""
    tracker, naive = AckTracker(base), NaiveTracker(base)
    committed = base

    for step, offset in steps:
        if step == "deliver":
            assert tracker.deliver(offset) == naive.deliver(offset)
            committed = naive.base if committed is None else committed
        elif step == "acknowledge":
            assert tracker.acknowledge(offset) == naive.acknowledge(offset)
        elif (mark := tracker.committable()) is not None:
            tracker.mark_committed(mark)
            committed = mark
        expected = naive.watermark if naive.watermark != committed else None
        assert tracker.committable() == expected


@given(gaps=st.lists(st.integers(1, 5), min_size=1, max_size=30), seed=st.randoms())
def test_everything_acknowledged_commits_the_end_whatever_the_order(
    gaps: list[int], seed: random.Random
) -> None:
    """Holes in the offsets block nothing."""
    tracker = AckTracker(0)
    delivered = [sum(gaps[: index + 1]) for index in range(len(gaps))]
    for offset in delivered:
        tracker.deliver(offset)

    shuffled = list(delivered)
    seed.shuffle(shuffled)
    for offset in shuffled:
        held = min(set(delivered) - set(shuffled[: shuffled.index(offset)]))
        assert (tracker.committable() or 0) <= held
        tracker.acknowledge(offset)

    assert tracker.committable() == delivered[-1] + 1
    assert tracker.unacknowledged == 0

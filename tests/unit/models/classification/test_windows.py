"""Windows cover a call and know their passages."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from models.classification.windows import windows_of

lengths = st.lists(st.integers(0, 40), max_size=30)


@given(lengths=lengths, room=st.integers(8, 40), overlap=st.integers(0, 3))
def test_every_token_is_in_a_window_with_its_passage(
    lengths: list[int], room: int, overlap: int
) -> None:
    token = iter(range(10_000))
    passages = [[next(token) for _ in range(length)] for length in lengths]
    passage_of = {t: n for n, passage in enumerate(passages) for t in passage}

    windows = windows_of(passages, room, overlap)

    assert {t for window in windows for t in window.ids} == set(passage_of)
    for window in windows:
        assert len(window.ids) <= room
        assert passage_of[window.ids[0]] == window.first
        assert passage_of[window.ids[-1]] == window.last
    for before, after in pairwise(windows):
        assert len(set(before.ids) & set(after.ids)) >= overlap

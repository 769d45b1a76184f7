"""The topic is read in pieces of a bounded size."""

from hypothesis import given
from hypothesis import strategies as st

from stream_app.backfill.finalized_calls import Place, pieces

places = st.dictionaries(
    st.tuples(st.integers(0, 3), st.integers(0, 500)), st.integers(0, 90), max_size=60
)


@given(found=places, calls=st.integers(1, 7), size=st.integers(1, 100))
def test_every_place_is_in_one_piece_of_its_partition(
    found: dict[tuple[int, int], int], calls: int, size: int
) -> None:
    every = [Place(*place, length) for place, length in found.items()]

    cut = list(pieces(every, calls=calls, size=size))

    assert [place for piece in cut for place in piece] == sorted(every)
    for piece in cut:
        assert len({place.partition for place in piece}) == 1
        assert len(piece) <= calls
        assert len(piece) == 1 or sum(place.size for place in piece) <= size

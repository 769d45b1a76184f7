"""The checkpoint to resume from does not depend on when a zombie writes its own."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.operations import Checkpoint
from stream_app.transport.checkpoints import merge


def checkpoint(position: int, *, is_closed: bool = False, writer: str = "owner") -> Checkpoint:
    return Checkpoint(
        agent="toy",
        call_id="c",
        position=(position,),
        is_closed=is_closed,
        state={"writer": writer},
    )


positions = st.lists(st.integers(0, 50), min_size=1, unique=True).map(sorted)


@given(
    owner=positions,
    zombie=positions,
    is_closed=st.booleans(),
    places=st.lists(st.integers(0, 1000)),
)
def test_a_zombies_older_checkpoints_change_nothing(
    owner: list[int],
    zombie: list[int],
    is_closed: bool,  # noqa: FBT001 - drawn by hypothesis
    places: list[int],
) -> None:
    """The newest checkpoint of the owner wins wherever the older ones stand."""
    newest = max(owner[-1], zombie[-1]) + 1
    log = [checkpoint(position) for position in owner]
    log.append(checkpoint(newest, is_closed=is_closed))
    for late, place in zip(zombie, [*places, *([len(log)] * len(zombie))], strict=False):
        log.insert(place % (len(log) + 1), checkpoint(late, writer="zombie"))

    assert merge(log, "toy")["c"] == checkpoint(newest, is_closed=is_closed)


@given(data=st.data())
def test_compaction_by_writer_changes_nothing(data: st.DataObject) -> None:
    """Keeping only the last record of each writer, each of which goes forward, loses nothing."""
    streams = {
        name: sorted(data.draw(st.lists(st.integers(0, 20), min_size=1), label=name))
        for name in ("first", "second")
    }
    log = [
        checkpoint(position, writer=name)
        for name, written in streams.items()
        for position in written
    ]
    order = data.draw(
        st.permutations(["first"] * len(streams["first"]) + ["second"] * len(streams["second"]))
    )
    queues = {name: [c for c in log if c.state["writer"] == name] for name in streams}
    interleaved = [queues[name].pop(0) for name in order]
    last_of = {c.state["writer"]: index for index, c in enumerate(interleaved)}
    compacted = [c for index, c in enumerate(interleaved) if last_of[c.state["writer"]] == index]

    assert merge(compacted, "toy")["c"].position == merge(interleaved, "toy")["c"].position

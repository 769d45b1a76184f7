"""The checkpoint to resume from depends neither on zombies nor on what compaction has left."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.operations import Checkpoint
from stream_app.calls.ended_call import EndedCall
from stream_app.runtime.memory.checkpoints import SavedCalls

END_OFFSET = 77

Written = tuple[Checkpoint, str, int]  # checkpoint, writer, when


def checkpoint(position: int, *, is_closed: bool = False, writer: str = "owner") -> Checkpoint:
    state: dict[str, object] = {"end_offset": END_OFFSET} if is_closed else {"writer": writer}
    return Checkpoint(
        agent="toy", call_id="c", position=(position,), is_closed=is_closed, state=state
    )


def merged(log: list[Checkpoint]) -> SavedCalls:
    return merged_records([(each, str(each.state.get("writer")), 0) for each in log])


def merged_records(log: list[Written]) -> SavedCalls:
    saved = SavedCalls()
    for each, writer, at_ms in log:
        saved.merge(each, writer.encode(), at_ms)
    return saved


def outcome(saved: SavedCalls) -> object:
    """Return what matters: where the call ended, or from where it goes on."""
    if "c" in saved.closed:
        return saved.closed["c"][0]
    return saved.open["c"].checkpoint.position


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
    is_closed: bool,
    places: list[int],
) -> None:
    """The newest checkpoint of the owner wins wherever the older ones stand."""
    newest = max(owner[-1], zombie[-1]) + 1
    log = [checkpoint(position) for position in owner]
    log.append(checkpoint(newest, is_closed=is_closed))
    for late, place in zip(zombie, [*places, *([len(log)] * len(zombie))], strict=False):
        log.insert(place % (len(log) + 1), checkpoint(late, writer="zombie"))

    saved = merged(log)

    assert ("c" in saved.closed) == is_closed
    assert outcome(saved) == (EndedCall(END_OFFSET) if is_closed else (newest,))


@st.composite
def logs(draw: st.DrawFn) -> list[Written]:
    """Up to three processes, each going forward, some of which close the call; equal positions."""
    streams: list[list[Checkpoint]] = []
    for name in draw(st.sampled_from(("a", "ab", "abc"))):
        written = sorted(draw(st.lists(st.integers(0, 8), min_size=1, max_size=6)))
        stream = [checkpoint(position, writer=name) for position in written]
        if draw(st.booleans()):
            stream.append(checkpoint(9, is_closed=True, writer=name))
        streams.append(stream)
    turns = [number for number, stream in enumerate(streams) for _ in stream]
    order = draw(st.permutations(turns))
    return [
        (streams[number].pop(0), "abc"[number], at_ms)  # a record keeps its time when cleaned
        for at_ms, number in enumerate(order)
    ]


@given(data=st.data(), log=logs())
def test_compaction_changes_nothing(data: st.DataObject, log: list[Written]) -> None:
    """Of the part that is cleaned only the last record of each writer is left."""
    cleaned = data.draw(st.integers(0, len(log)))
    last = {writer: at_ms for _, writer, at_ms in log}
    compacted = [entry for entry in log if entry[2] >= cleaned or last[entry[1]] == entry[2]]

    assert outcome(merged_records(compacted)) == outcome(merged_records(log))


@given(log=logs(), kept=st.integers(0, 20))
def test_the_tombstones_of_a_closed_call_change_nothing(log: list[Written], kept: int) -> None:
    """The process that closed it deleted the records of all others; any of them may be gone."""
    closers = [writer for each, writer, _ in log if each.is_closed]
    gone = set("abc") - set(closers[:1]) if closers else set()
    left = [entry for n, entry in enumerate(log) if entry[1] not in gone or n < kept]

    assert outcome(merged_records(left)) == outcome(merged_records(log))


@given(log=logs(), now_ms=st.integers(0, 60), kept_ms=st.integers(12, 40))
def test_a_call_expires_as_a_whole(log: list[Written], now_ms: int, kept_ms: int) -> None:
    """A closed call is forgotten by the time of its closing, and never becomes an open one."""
    saved, before = merged_records(log), merged_records(log)

    saved.drop_written_before(now_ms - kept_ms)

    if "c" in before.closed:
        is_kept = before.closed["c"][1] >= now_ms - kept_ms
        assert ("c" in saved.closed) == is_kept
        assert "c" not in saved.open
    else:
        is_kept = before.open["c"].written_at_ms >= now_ms - kept_ms
        assert ("c" in saved.open) == is_kept

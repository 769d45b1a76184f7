"""Whatever lags, whoever restarts: no call without audio stays open, no live call is closed."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from stream_app.agents.definition import StallPolicy
from tests.support.calls.silent_calls import Entry, Partition, marker_of
from tests.support.examples import examples

STALL_S, STALE_S, HOLD_S = 15, 100, 400
POLICY = StallPolicy(STALL_S, STALE_S, HOLD_S, marker_of)
CALLS = 5
SECONDS = 150
QUIET_S = 600  # after that everything but a worker that does its work has stopped
LATE_S = 5  # most that a worker that keeps up may add to a limit


@dataclass(frozen=True)
class Gateway:
    """A call: a chunk a second, with pauses, until it dies.

    Attributes:
        dies_s: No chunk comes from then on.
        pauses: (begin, length) of stretches without audio.
        skew_s: How far off its clock is.
    """

    begins_s: int
    dies_s: int
    pauses: tuple[tuple[int, int], ...]
    skew_s: int

    def speaks(self, now_s: int) -> bool:
        """Return whether a chunk comes in this second."""
        is_paused = any(begin <= now_s < begin + length for begin, length in self.pauses)
        return self.begins_s <= now_s < self.dies_s and not is_paused


GATEWAYS = st.lists(
    st.builds(
        Gateway,
        begins_s=st.integers(0, 60),
        dies_s=st.integers(1, SECONDS),
        pauses=st.lists(st.tuples(st.integers(0, SECONDS), st.integers(1, 90)), max_size=3).map(
            tuple
        ),
        skew_s=st.sampled_from([0, 0, -10_000, -20, 20, 10_000]),
    ),
    min_size=1,
    max_size=CALLS,
)
# (begin, length, messages a second): how fast the worker is for a while; 0 is not at all
SLOW = st.lists(
    st.tuples(st.integers(0, SECONDS), st.integers(1, 60), st.integers(0, 3)), max_size=3
)
OUTAGES = st.lists(st.tuples(st.integers(0, SECONDS), st.integers(1, 60)), max_size=2)
RESTARTS = st.lists(st.tuples(st.integers(1, SECONDS), st.integers(0, 40)), max_size=3)


def play(
    gateways: list[Gateway],
    slow: list[tuple[int, int, int]],
    outages: list[tuple[int, int]],
    restarts: list[tuple[int, int]],
    timestamp_type: int,
) -> Partition:
    """Return the partition after all gateways have died and a long quiet time.

    Args:
        gateways: What is sent.
        slow: When the worker reads slowly.
        outages: (begin, length) of times in which the brokers answer no fetch.
        restarts: (begin, length) of times without a worker; each ends with a fresh one.
        timestamp_type: Whether the brokers or the producers give the timestamps.
    """
    partition = Partition(POLICY, timestamp_type)
    worker = partition.start()
    sent = [0] * len(gateways)
    for now_s in range(SECONDS + QUIET_S):
        partition.now_s = float(now_s)
        for number, gateway in enumerate(gateways):
            if gateway.speaks(now_s):
                partition.append(str(number), "chunk", sent[number], skew_s=gateway.skew_s)
                sent[number] += 1
        if any(begin <= now_s < begin + length for begin, length in restarts):
            worker = partition.start()
            continue
        if not any(begin <= now_s < begin + length for begin, length in outages):
            worker.fetch()
        speeds = [most for begin, length, most in slow if begin <= now_s < begin + length]
        worker.feed(min(speeds, default=100))
        worker.look()
    return partition


def chunks_of(partition: Partition, call_id: str) -> list[Entry]:
    return [e for e in partition.entries if e.call_id == call_id and e.kind == "chunk"]


@examples(60)
@given(GATEWAYS, SLOW, OUTAGES, RESTARTS, st.integers(0, 1))
def test_no_call_whose_audio_stands_in_the_log_is_stalled(
    gateways: list[Gateway],
    slow: list[tuple[int, int, int]],
    outages: list[tuple[int, int]],
    restarts: list[tuple[int, int]],
    timestamp_type: int,
) -> None:
    """Where a marker was written the log itself has a silence that long behind the last chunk."""
    partition = play(gateways, slow, outages, restarts, timestamp_type)

    for entry, _ in partition.markers:
        later = [e.at_s for e in chunks_of(partition, entry.call_id) if e.seq == entry.seq + 1]
        silent_s = (later[0] if later else entry.at_s) - partition.last_chunk_s(
            entry.call_id, entry.seq
        )
        assert silent_s >= STALL_S


@examples(60)
@given(GATEWAYS, SLOW, OUTAGES, RESTARTS, st.integers(0, 1))
def test_every_call_is_stalled_and_ended(
    gateways: list[Gateway],
    slow: list[tuple[int, int, int]],
    outages: list[tuple[int, int]],
    restarts: list[tuple[int, int]],
    timestamp_type: int,
) -> None:
    """At the latest after the limit and the time in which nobody could do anything about it."""
    partition = play(gateways, slow, outages, restarts, timestamp_type)
    lost_s = sum(length for _, length, _ in slow) + sum(length for _, length in outages)
    lost_s += sum(length + STALL_S for _, length in restarts)

    for call_id in {e.call_id for e in partition.entries}:
        last = chunks_of(partition, call_id)[-1]
        stalls = [at for e, at in partition.markers if (e.call_id, e.kind) == (call_id, "stall")]
        ended_s = partition.closed[call_id]
        assert stalls
        assert ended_s - last.at_s <= STALE_S + lost_s + LATE_S


@examples(60)
@given(GATEWAYS, RESTARTS)
def test_a_call_ends_by_its_last_chunk_however_often_workers_restart(
    gateways: list[Gateway], restarts: list[tuple[int, int]]
) -> None:
    """Not before the limit; later by the time after which the stall was saved at most."""
    partition = play(gateways, [], [], restarts, 1)
    back_s = max((begin + length for begin, length in restarts), default=0)
    saved_s = STALL_S + sum(STALL_S + length for _, length in restarts)

    for call_id, ended_s in partition.closed.items():
        if any(e.kind == "chunk" and e.at_s > ended_s for e in partition.entries):
            continue
        last = chunks_of(partition, call_id)[-1]
        due_s = max(last.at_s + saved_s + STALE_S, back_s + STALL_S)
        assert last.at_s + STALE_S <= ended_s <= due_s + LATE_S


@examples(60)
@given(GATEWAYS, st.sampled_from([-10_000, -20, 20, 10_000]))
def test_no_gateway_clock_ends_a_call_early_or_keeps_it_open(
    gateways: list[Gateway], skew_s: int
) -> None:
    """Where the producers give the timestamps: a worker that was there knows better."""
    straight = play([Gateway(g.begins_s, g.dies_s, g.pauses, 0) for g in gateways], [], [], [], 0)
    skewed = play(
        [Gateway(g.begins_s, g.dies_s, g.pauses, skew_s) for g in gateways], [], [], [], 0
    )

    assert skewed.closed == straight.closed

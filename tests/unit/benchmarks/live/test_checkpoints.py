"""The log that the benchmark of checkpoints makes is that of a day."""

from collections import Counter
from pathlib import Path

from benchmarks.live.checkpoints import CALL_S, CheckpointOptions, _log, _paced
from benchmarks.live.system import AGENTS
from schemas.operations import Checkpoint

CALL_MS = 60_000


def checkpoint(position: int, *, is_closed: bool = False) -> Checkpoint:
    return Checkpoint(agent="toy", call_id="c", position=(position,), is_closed=is_closed, state={})


def test_of_the_commits_of_an_interval_the_last_one_is_written() -> None:
    """The interval begins with the first of them; the closing one is written at once."""
    times_ms = (0, 400, 900, 1_500, 2_600, 2_700)
    commits = [(at_ms, checkpoint(at_ms), False) for at_ms in times_ms]

    written = [at_ms for at_ms, _ in _paced(commits, 1.0)]

    assert written == [900, 1_500, 2_700]


def test_an_output_ends_its_interval() -> None:
    commits = [(at_ms, checkpoint(at_ms), at_ms == 400) for at_ms in (0, 400, 900, 1_300, 2_100)]

    written = [at_ms for at_ms, _ in _paced(commits, 1.0)]

    assert written == [400, 1_300, 2_100]


def test_every_call_of_the_day_is_closed_but_those_of_the_end() -> None:
    """Each agent has its records; only the last stretch has those of open calls."""
    open_ones = [(at_ms, checkpoint(at_ms)) for at_ms in range(0, CALL_MS, 10_000)]
    written = {agent: [*open_ones, (CALL_MS, checkpoint(99, is_closed=True))] for agent in AGENTS}
    options = CheckpointOptions(Path("none"), calls_at_once=4, uncleaned_s=2 * CALL_S)

    log = list(_log(written, options))

    assert options.closed_calls == 4 * 24 * 12
    closed = Counter(agent for agent, _, each in log if each.is_closed)
    assert closed == dict.fromkeys(AGENTS, options.closed_calls - 4)
    calls = {call_id for _, call_id, _ in log}
    assert len(calls) == options.closed_calls
    seen_open = {call_id for _, call_id, each in log if not each.is_closed}
    assert len(seen_open) == 8
    assert len(log) > len(calls) * len(AGENTS)

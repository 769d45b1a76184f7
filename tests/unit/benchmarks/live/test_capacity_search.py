"""Doubling, then bisection."""

import pytest

from benchmarks.live.capacity import LIMITS_MS, CapacityOptions, capacity_figures, keeps_limit
from benchmarks.live.capacity_search import CapacitySearch
from schemas.errors import ConfigurationError


def search(capacity: int, start: int, *, most: int = 512, tolerance: float = 0.0) -> CapacitySearch:
    found = CapacitySearch(start, most, tolerance)
    while (number := found.next_number) is not None:
        found.note(number, is_good=number <= capacity)
    return found


@pytest.mark.parametrize("capacity", [1, 2, 7, 8, 9, 63, 64, 65])
def test_the_exact_capacity_is_found(capacity: int) -> None:
    assert search(capacity, start=8).good == capacity


def test_doubling_comes_before_bisection() -> None:
    assert search(40, start=8).tried == [8, 16, 32, 64, 48, 40, 44, 42, 41]


def test_no_number_is_tried_twice() -> None:
    tried = search(37, start=4).tried

    assert len(tried) == len(set(tried))


def test_nothing_kept_the_promise() -> None:
    assert search(0, start=4).good == 0


def test_never_more_than_the_most() -> None:
    found = search(1_000, start=8, most=50)

    assert found.good == max(found.tried) == 50


def test_a_tolerance_saves_steps() -> None:
    found = search(100, start=8, tolerance=0.1)

    assert found.good <= 100 <= found.good * 1.1 + 1
    assert len(found.tried) < len(search(100, start=8).tried)


def test_a_senseless_start_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="start with 1 to 4"):
        CapacitySearch(8, most=4)


def run(*, p95: float | None, count: int = 20, complete: int = 4) -> dict[str, object]:
    delay = {"count": count, "p95": p95}
    return {
        "calls": 4,
        "delays_ms": {"final": delay, "first_partial": delay, "partial_audio_interval": {}},
        "completeness": {
            "calls": 4,
            "complete_calls": complete,
            "dead_letters": 0,
            "restarted_agents": False,
        },
        "cores": {"transcribe": 0.9, "detect_turns": 0.15, "finalize": 0.05, "benchmark": 0.5},
        "share_outside_models": {"transcribe": 0.04},
        "load_generator": {"is_late": False},
        "transcribe": {
            "counters": {"shed_requests": 3.0, "stretched_requests": 7.0, "events": 9.0}
        },
    }


def test_a_run_within_the_limit_is_good() -> None:
    assert keeps_limit(run(p95=LIMITS_MS["final"]), "final")


def test_a_run_beyond_the_limit_is_not() -> None:
    assert not keeps_limit(run(p95=LIMITS_MS["final"] + 1), "final")


def test_a_call_that_lost_a_message_breaks_every_limit() -> None:
    assert not keeps_limit(run(p95=10.0, complete=3), "final")


def test_results_that_never_came_break_the_limit() -> None:
    """No partial at all is no fast partial."""
    assert not keeps_limit(run(p95=None, count=0), "first_partial")


def test_a_call_costs_its_share_of_all_cores_that_serve_it() -> None:
    """One core for transcribe and the fifth of another for the agents, but not the load's own."""
    figures = capacity_figures(run(p95=10.0), 1, CapacityOptions(core_price=1.0))

    assert figures["cost_per_call_hour"] == pytest.approx(1.2 / 4)
    assert figures["calls_per_transcribe_core"] == 4
    assert figures["shed_and_stretched"] == {"shed_requests": 3.0, "stretched_requests": 7.0}
    assert figures["calls_per_core_all_agents"] == pytest.approx(4 / 1.2, abs=0.01)


def test_no_capacity_is_no_calls() -> None:
    assert capacity_figures(None, 1, CapacityOptions()) == {"calls": 0}

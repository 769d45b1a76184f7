"""Kill, stop and add workers of a toy agent: its sums stay right, each once by id."""

import os
import signal
import time

import pytest

from stream_app.settings import Settings
from tests.integration.traffic import (
    TOY,
    Outcome,
    Plan,
    await_alerts,
    outcome,
    traffic,
    worker,
)

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def assert_exact(result: Outcome, plan: Plan) -> None:
    """Every alert is there, each id with one content."""
    assert result.mismatches == 0
    assert result.details == plan.expected()


def await_end(settings: Settings, plan: Plan) -> Outcome:
    return await_alerts(settings, "end", plan.calls, plan.run)


def test_an_undisturbed_worker_gives_every_result_once(any_broker: Settings) -> None:
    """The yardstick of the tests below."""
    plan = Plan(pace_s=0.0)
    with worker(any_broker) as only, traffic(any_broker, plan):
        only.wait_ready()
        result = await_end(any_broker, plan)

    assert_exact(result, plan)
    assert result.records == len(result.alerts)


def test_a_killed_worker_is_replaced_by_the_other_one(any_broker: Settings) -> None:
    """Nobody restarts it: the other one takes its partitions over."""
    plan = Plan()
    with worker(any_broker) as first, worker(any_broker) as second:
        first.wait_ready()
        second.wait_ready()
        with traffic(any_broker, plan):
            time.sleep(3.0)
            first.kill()
            result = await_end(any_broker, plan)

    assert_exact(result, plan)


def test_the_only_worker_is_killed_twice_and_restarted(any_broker: Settings) -> None:
    """The supervisor restarts it, and it goes on from its checkpoints."""
    plan = Plan()
    with worker(any_broker) as only:
        only.wait_ready()
        with traffic(any_broker, plan):
            for _ in range(2):
                time.sleep(2.0)
                os.kill(only.pid(TOY), signal.SIGKILL)
                time.sleep(0.3)
                only.wait_ready()
            result = await_end(any_broker, plan)

    assert_exact(result, plan)


def test_a_worker_joins_in_mid_call_and_the_old_one_is_killed(any_broker: Settings) -> None:
    """The rebalance rewinds what the old one keeps; then its calls move once more."""
    plan = Plan()
    with worker(any_broker) as old:
        old.wait_ready()
        with traffic(any_broker, plan):
            time.sleep(1.0)
            with worker(any_broker) as new:
                new.wait_ready()
                time.sleep(1.5)
                old.kill()
                result = await_end(any_broker, plan)

    assert_exact(result, plan)


def test_a_stopped_worker_wakes_as_a_zombie(any_broker: Settings) -> None:
    """What it still writes is the same, and what it acknowledges is void."""
    plan = Plan(pace_s=0.15)
    with worker(any_broker) as zombie, worker(any_broker) as other:
        zombie.wait_ready()
        other.wait_ready()
        with traffic(any_broker, plan):
            time.sleep(3.0)
            os.kill(zombie.pid(TOY), signal.SIGSTOP)
            time.sleep(20.0)
            os.kill(zombie.pid(TOY), signal.SIGCONT)
            await_end(any_broker, plan)
            time.sleep(3.0)  # the zombie may have something to say
        result = outcome(any_broker, plan.run)

    assert_exact(result, plan)

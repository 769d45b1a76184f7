"""Kill, stop and add workers of a toy agent: its sums stay right, each once by id.

On both brokers: what one of them does with a group whose members die or sleep is its own.
"""

import os
import signal

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


def await_part(settings: Settings, plan: Plan, part: float) -> None:
    """Wait until that part of all keys is summed."""
    await_alerts(settings, "sum", plan.share(part), plan.run)


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


def test_the_only_worker_is_killed_twice_and_restarted(any_broker: Settings) -> None:
    """The supervisor restarts it, and it goes on from its checkpoints."""
    plan = Plan()
    with worker(any_broker) as only:
        only.wait_ready()
        with traffic(any_broker, plan):
            for part in (0.2, 0.6):
                await_part(any_broker, plan, part)
                os.kill(only.pid(TOY), signal.SIGKILL)
            result = await_end(any_broker, plan)

    assert_exact(result, plan)


def test_a_worker_joins_in_mid_call_and_the_old_one_is_killed(any_broker: Settings) -> None:
    """The rebalance rewinds what the old one keeps; then its calls move once more, to the other."""
    plan = Plan()
    with worker(any_broker) as old:
        old.wait_ready()
        with traffic(any_broker, plan):
            await_part(any_broker, plan, 0.1)
            with worker(any_broker) as new:
                new.wait_ready()
                await_part(any_broker, plan, 0.5)
                old.kill()
                result = await_end(any_broker, plan)

    assert_exact(result, plan)


def test_a_stopped_worker_wakes_as_a_zombie(any_broker: Settings) -> None:
    """What it still writes is the same, and what it acknowledges is void."""
    plan, later = Plan(), Plan()
    with worker(any_broker) as zombie, worker(any_broker) as other:
        zombie.wait_ready()
        other.wait_ready()
        with traffic(any_broker, plan):
            await_part(any_broker, plan, 0.3)
            os.kill(zombie.pid(TOY), signal.SIGSTOP)
            await_end(any_broker, plan)  # the other one has taken over all of its calls
            os.kill(zombie.pid(TOY), signal.SIGCONT)
        with traffic(any_broker, later):  # by its end the zombie has said what it had to say
            assert_exact(await_end(any_broker, later), later)
        result = outcome(any_broker, plan.run)

    assert_exact(result, plan)

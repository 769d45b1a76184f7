"""The agent `classify` on both brokers: killed at work, its model exchanged, every call once."""

import secrets
from collections import defaultdict
from functools import partial
from pathlib import Path

import msgspec
import pytest

from schemas import catalogue
from schemas.base import CallContext
from schemas.classification import CallClassified
from schemas.operations import Alert
from schemas.turns import FinalizedCall
from tests.e2e.failures.test_answering_agents import closed, send
from tests.support.calls.call_messages import finalized
from tests.support.classification.tiny_classifier import write_classifier
from tests.support.system.fleet import Fleet
from tests.support.system.scenario import Broker
from tests.support.system.topic_watch import TopicWatch
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.own_topics]  # this agent reads all of it

AGENT = "classify"
CALLS = 60  # on four partitions
TEXTS = ("my phone number please", "on monday morning", "i need you here now", "yes")
SUBS = ({"Phone"}, {"Day", "Hour"}, {"Day", "Hour", "Phone"}, set[str]())


def call_of(number: int, run: str) -> FinalizedCall:
    call_id = f"call-{number}~{run}"
    is_private = number % 7 == 3
    return msgspec.structs.replace(
        finalized(((1, 0, TEXTS[number % len(TEXTS)]),)),
        call_id=call_id,
        event_id=f"{call_id}/finalized",
        context=CallContext(attributes={"analytics": "false"} if is_private else {}),
    )


def answers(watch: TopicWatch) -> dict[str, set[bytes]]:
    """Return the answers as they were written, by call: more than one would be a contradiction."""
    found: dict[str, set[bytes]] = defaultdict(set)
    for record in watch.of(catalogue.CLASSIFICATIONS):
        message: CallClassified = catalogue.decode(catalogue.CLASSIFICATIONS, record.value)
        found[message.call_id].add(record.value)
    return found


async def test_every_call_is_classified_once_though_workers_are_killed_and_the_model_changes(
    broker: Broker, tmp_path: Path
) -> None:
    run = secrets.token_hex(3)
    folder = tmp_path / "tiny"
    write_classifier(folder / "tiny1")
    part = {"models": {"tiny": str(folder)}, "label_set": "tiny", "refresh_s": 0.2}
    settings = broker.settings.replace(classification=part)
    calls = [call_of(number, run) for number in range(CALLS)]
    third = CALLS // 3
    logs = tmp_path / "logs"
    logs.mkdir()
    async with TopicWatch(settings.kafka, run) as watch:
        with Fleet(settings, logs) as fleet:
            first = fleet.launch(AGENT, worker="w1")
            await first.ready()
            await send(settings.kafka, calls[:third])
            await watch.until(lambda: len(answers(watch)) > third // 4, "answers")
            first.kill()
            second = fleet.launch(AGENT, worker="w2")
            await second.ready()
            await send(settings.kafka, [*calls[third // 2 : 2 * third], *calls[:third:5]])
            sent = {call.call_id for call in calls[: 2 * third]}
            await watch.until(lambda: closed(watch, AGENT) >= sent, "end of two thirds")
            write_classifier(folder / "tiny2", name="tiny", strength=4.0)
            await until(partial(has_swapped, second.log), second.tail)
            await send(settings.kafka, calls[2 * third :])
            every = {call.call_id for call in calls}
            await watch.until(lambda: closed(watch, AGENT) >= every, "end of every call")
            await watch.catch_up()
            assert second.is_running
            fleet.assert_lanes_repeated()
        check(watch, calls, third)


def check(watch: TopicWatch, calls: list[FinalizedCall], third: int) -> None:
    found = answers(watch)
    wanted = {call.call_id for call in calls if not call.context.attributes}
    assert found.keys() == wanted
    assert all(len(versions) == 1 for versions in found.values())
    models = set()
    for number, call in enumerate(calls):
        if call.call_id not in wanted:
            continue
        (value,) = found[call.call_id]
        message = msgspec.json.decode(value, type=CallClassified)
        subs = {each.label for a in message.answers if a.task == "sub" for each in a.labels}
        assert subs <= SUBS[number % len(TEXTS)]
        assert message.abstained == ("too_short" if number % len(TEXTS) == 3 else "")
        models.add((number >= 2 * third, message.model))
    assert len(models) == 2  # one before the exchange, another one after it
    urgent = [
        catalogue.decode(catalogue.ALERTS, record.value) for record in watch.of(catalogue.ALERTS)
    ]
    raised = {a.call_id for a in urgent if isinstance(a, Alert) and a.kind == "urgent"}
    assert raised == {c.call_id for n, c in enumerate(calls) if n % 4 == 2 and c.call_id in wanted}
    assert not list(watch.of(catalogue.DEAD_LETTERS))


def has_swapped(log: Path) -> bool:
    return "classification_model.swapped" in log.read_text()

"""The agent `classify_live` on both brokers: killed at work, every due turn answered once."""

import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from schemas import catalogue
from schemas.base import CallContext, Message
from schemas.classification import CallClassified
from schemas.turns import TurnEnded
from tests.e2e.failures.test_answering_agents import closed, send
from tests.support.calls.call_messages import turn_ended, turn_revised, turns_complete
from tests.support.classification.tiny_classifier import write_classifier
from tests.support.system.fleet import Fleet
from tests.support.system.scenario import Broker
from tests.support.system.topic_watch import TopicWatch

pytestmark = [pytest.mark.e2e, pytest.mark.own_topics]  # this agent reads all of it

AGENT = "classify_live"
CALLS = 24  # on four partitions
EVERY = 3
TEXTS = (
    "good morning",
    "my phone number please",
    "on monday",
    "well",
    "i need you here now",
    "yes",
)
MISHEARD = "in need"  # of the fourth turn, until it is revised


def call_of(number: int, run: str) -> list[TurnEnded]:
    """Return the turns of a call; every seventh one is not to be analysed."""
    call_id = f"call-{number}~{run}"
    attributes = {"analytics": "false"} if number % 7 == 3 else {"tenant": "t"}
    return [
        turn_ended(
            1,
            n * 1_000,
            n * 1_000 + 900,
            text=MISHEARD if n == 3 else text,
            words=len(text.split()),
            call_id=call_id,
            event_id=f"{call_id}/turn_ended/{n}",
            turn_id=f"{call_id}/turn/{n}",
            context=CallContext(attributes=attributes),
        )
        for n, text in enumerate(TEXTS)
    ]


def lane_of(turns: Sequence[TurnEnded]) -> list[Message]:
    """Return the turns with the revision of the fourth behind the fifth."""
    return [*turns[:5], turn_revised(turns[3], TEXTS[3], 4_900), turns[5]]


def answers(watch: TopicWatch) -> dict[tuple[str, int], set[bytes]]:
    """Return the answers as they were written, by call and number of turns."""
    found: dict[tuple[str, int], set[bytes]] = defaultdict(set)
    for record in watch.of(catalogue.CLASSIFICATIONS):
        message: CallClassified = catalogue.decode(catalogue.CLASSIFICATIONS, record.value)
        found[message.call_id, message.at_turn].add(record.value)
    return found


async def test_every_due_turn_is_answered_once_though_workers_are_killed(
    broker: Broker, tmp_path: Path
) -> None:
    run = secrets.token_hex(3)
    write_classifier(tmp_path / "tiny")
    part = {"models": {"tiny": str(tmp_path / "tiny")}, "label_set": "tiny", "live_every": EVERY}
    settings = broker.settings.replace(classification=part)
    calls = {turns[0].call_id: turns for turns in (call_of(n, run) for n in range(CALLS))}
    lanes = [lane_of(turns) for turns in calls.values()]
    rounds = [lane[n] for n in range(len(lanes[0])) for lane in lanes]
    ends = [turns_complete(len(TEXTS), call_id) for call_id in calls]
    half = len(rounds) // 2
    logs = tmp_path / "logs"
    logs.mkdir()
    async with TopicWatch(settings.kafka, run) as watch:
        with Fleet(settings, logs) as fleet:
            first = fleet.launch(AGENT, worker="w1")
            await first.ready()
            await send(settings.kafka, rounds[:half])
            await watch.until(lambda: len(answers(watch)) > CALLS // 4, "answers")
            first.kill()
            second = fleet.launch(AGENT, worker="w2")
            await second.ready()
            await send(settings.kafka, [*rounds[half - 2 * CALLS :], *ends])
            await watch.until(lambda: closed(watch, AGENT) >= calls.keys(), "end of every call")
            await watch.catch_up()
            fleet.assert_lanes_repeated()
        check(watch, calls)


def check(watch: TopicWatch, calls: Mapping[str, Sequence[TurnEnded]]) -> None:
    found = answers(watch)
    asked = {i for i, turns in calls.items() if "analytics" not in turns[0].context.attributes}
    assert found.keys() == {(call_id, at) for call_id in asked for at in (EVERY, 2 * EVERY)}
    for (call_id, at), versions in found.items():
        (value,) = versions
        message: CallClassified = catalogue.decode(catalogue.CLASSIFICATIONS, value)
        assert message.is_provisional
        labels = {a.task: a.labels[0].label for a in message.answers if a.labels}
        assert labels["priority"] == ("High" if at > EVERY else "Low"), call_id
        evidence = {each for a in message.answers for each in a.evidence}
        assert evidence <= {turn.turn_id for turn in calls[call_id]}
    assert not list(watch.of(catalogue.ALERTS))
    assert not list(watch.of(catalogue.DEAD_LETTERS))

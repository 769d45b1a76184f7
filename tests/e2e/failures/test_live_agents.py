"""`classify_live` and `analyze_live` on both brokers: killed at work, due turns answered once."""

import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from schemas import catalogue
from schemas.base import CallContext, Message
from schemas.classification import CallClassified
from schemas.insights import CallInsights
from schemas.turns import TurnEnded
from tests.e2e.failures.test_answering_agents import closed, send
from tests.support.analytics.word_analyst import GUIDE
from tests.support.calls.call_messages import turn_ended, turn_revised, turns_complete
from tests.support.classification.tiny_classifier import write_classifier
from tests.support.system.analyze_agents import OF_TURNS
from tests.support.system.fleet import Fleet
from tests.support.system.scenario import Broker
from tests.support.system.topic_watch import TopicWatch

pytestmark = [pytest.mark.e2e, pytest.mark.own_topics]  # these agents read all of it

CALLS = 24  # on four partitions
EVERY = 4
CATEGORY = GUIDE.categories[0]
TEXTS = (
    f"hello this is {CATEGORY}",
    "my phone number please",
    "on monday",
    "well",
    "i need you here now and i am angry",
    "yes",
    "thank you",
    "bye",
)
MISHEARD = "in need"  # of the sixth turn, until it is revised


@dataclass(frozen=True)
class LiveAgent:
    """An agent of turns, and what its answers must be.

    Attributes:
        name: Of the agent.
        launched: As a worker is told.
        topic: Of its answers.
        part: Its settings, of a folder for its model.
        check: Asserts what an answer says of a call's first turns.
    """

    name: str
    launched: str
    topic: str
    part: Callable[[Path], dict[str, Any]]
    check: Callable[[Any, Sequence[TurnEnded]], None]


def tiny_classifier(folder: Path) -> dict[str, Any]:
    write_classifier(folder / "tiny")
    part = {"models": {"tiny": str(folder / "tiny")}, "label_set": "tiny", "live_every": EVERY}
    return {"classification": part}


def words(folder: Path) -> dict[str, Any]:
    return {
        "analytics": {"models": {"contact-centre": str(folder / "never_away")}, "live_every": EVERY}
    }


def check_labels(message: CallClassified, turns: Sequence[TurnEnded]) -> None:
    labels = {a.task: a.labels[0].label for a in message.answers if a.labels}
    assert labels["priority"] == ("High" if len(turns) > EVERY else "Low"), message.call_id
    evidence = {each for a in message.answers for each in a.evidence}
    assert evidence <= {turn.turn_id for turn in turns}


def check_insights(message: CallInsights, turns: Sequence[TurnEnded]) -> None:
    assert message.summary is not None
    assert message.summary.issue is not None
    assert message.summary.issue.evidence == (turns[0].turn_id,)
    assert message.scorecard[0].answer == "yes"
    angry = (turns[4].turn_id,) if len(turns) > EVERY else ()
    assert tuple(turn for each in message.coaching for turn in each.evidence) == angry
    assert (message.quality, message.csat, message.churn_risk) == (None, None, None)


CLASSIFY = "classify_live"
LIVE_AGENTS = [
    LiveAgent(CLASSIFY, CLASSIFY, catalogue.CLASSIFICATIONS, tiny_classifier, check_labels),
    LiveAgent("analyze_live", OF_TURNS, catalogue.INSIGHTS, words, check_insights),
]


def call_of(number: int, run: str) -> list[TurnEnded]:
    """Return the turns of a call; every seventh one is not to be analysed."""
    call_id = f"call-{number}~{run}"
    attributes = {"analytics": "false"} if number % 7 == 3 else {"tenant": "t"}
    return [
        turn_ended(
            1,
            n * 1_000,
            n * 1_000 + 900,
            text=MISHEARD if n == 5 else text,
            words=len(text.split()),
            call_id=call_id,
            event_id=f"{call_id}/turn_ended/{n}",
            turn_id=f"{call_id}/turn/{n}",
            context=CallContext(attributes=attributes),
        )
        for n, text in enumerate(TEXTS)
    ]


def lane_of(turns: Sequence[TurnEnded]) -> list[Message]:
    """Return the turns with the revision of the sixth behind the seventh."""
    return [*turns[:7], turn_revised(turns[5], TEXTS[5], 6_900), turns[7]]


def answers(watch: TopicWatch, topic: str) -> dict[tuple[str, int], set[bytes]]:
    """Return the answers as they were written, by call and number of turns."""
    found: dict[tuple[str, int], set[bytes]] = defaultdict(set)
    for record in watch.of(topic):
        message: Any = catalogue.decode(topic, record.value)
        found[message.call_id, message.at_turn].add(record.value)
    return found


@pytest.mark.parametrize("agent", LIVE_AGENTS, ids=lambda agent: agent.name)
async def test_every_due_turn_is_answered_once_though_workers_are_killed(
    broker: Broker, agent: LiveAgent, tmp_path: Path
) -> None:
    run = secrets.token_hex(3)
    settings = broker.settings.replace(**agent.part(tmp_path))
    calls = {turns[0].call_id: turns for turns in (call_of(n, run) for n in range(CALLS))}
    lanes = [lane_of(turns) for turns in calls.values()]
    rounds = [lane[n] for n in range(len(lanes[0])) for lane in lanes]
    ends = [turns_complete(len(TEXTS), call_id) for call_id in calls]
    half = len(rounds) // 2
    logs = tmp_path / "logs"
    logs.mkdir()
    async with TopicWatch(settings.kafka, run) as watch:
        with Fleet(settings, logs) as fleet:
            first = fleet.launch(agent.launched, worker="w1")
            await first.ready()
            await send(settings.kafka, rounds[:half])
            await watch.until(lambda: len(answers(watch, agent.topic)) > CALLS // 4, "answers")
            first.kill()
            second = fleet.launch(agent.launched, worker="w2")
            await second.ready()
            await send(settings.kafka, [*rounds[half - 2 * CALLS :], *ends])
            await watch.until(
                lambda: closed(watch, agent.name) >= calls.keys(), "end of every call"
            )
            await watch.catch_up()
            fleet.assert_lanes_repeated()
        check(watch, agent, calls)


def check(watch: TopicWatch, agent: LiveAgent, calls: Mapping[str, Sequence[TurnEnded]]) -> None:
    found = answers(watch, agent.topic)
    asked = {i for i, turns in calls.items() if "analytics" not in turns[0].context.attributes}
    assert found.keys() == {(call_id, at) for call_id in asked for at in (EVERY, 2 * EVERY)}
    for (call_id, at), versions in found.items():
        (value,) = versions
        message: Any = catalogue.decode(agent.topic, value)
        assert message.is_provisional
        agent.check(message, calls[call_id][:at])
    assert not list(watch.of(catalogue.ALERTS))
    assert not list(watch.of(catalogue.DEAD_LETTERS))

"""A finalized call becomes its insights and their alerts, with a model or without."""

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
import structlog

from schemas import catalogue
from schemas.base import CallContext, Message
from schemas.insights import CallInsights
from schemas.operations import Alert
from schemas.turns import FinalizedCall
from stream_app.agents.analyze import definition_of
from stream_app.agents.definition import AgentDefinition
from stream_app.calls.counters import CallCounters
from stream_app.calls.effects import Commit, Emit, Infer
from stream_app.calls.inference import Failed
from stream_app.settings import Settings
from tests.support.analytics.word_analyst import (
    AWAY,
    BROKEN,
    GUIDE,
    HELD_UP,
    MISSING,
    UNREADABLE,
    WordAnalyst,
    WordModels,
    renamed,
)
from tests.support.calls.call_messages import finalized

CATEGORY, OTHER = GUIDE.categories[:2]
Texts = tuple[str, ...]
CALM: Texts = ("hello there", f"it is about {CATEGORY}", "I will look", "thanks")
ANGRY: Texts = ("yes", f"{CATEGORY}, and I am angry", "well", "I leave, angry")


@dataclass
class Answered:
    """What became of a call."""

    messages: list[Message]
    counters: CallCounters

    @property
    def insights(self) -> CallInsights:
        """Those of the model that serves."""
        (found,) = (e for e in self.messages if isinstance(e, CallInsights) and not e.is_shadow)
        return found

    @property
    def alerts(self) -> dict[str, Alert]:
        """By kind."""
        return {each.kind: each for each in self.messages if isinstance(each, Alert)}


def call_of(texts: Texts = CALM, name: str = "c", **context: Any) -> FinalizedCall:
    turns = tuple((n % 2, n * 1_000, text) for n, text in enumerate(texts))
    return msgspec.structs.replace(
        finalized(turns), call_id=name, event_id=f"{name}/finalized", context=CallContext(**context)
    )


def agent_of(models: WordModels | None = None, **fields: object) -> AgentDefinition:
    part = {"compare_categories": False, **fields}
    return definition_of(Settings().replace(analytics=part), models or WordModels())


def answered(agent: AgentDefinition, *calls: FinalizedCall) -> list[Answered]:
    """Return what becomes of calls that share a run of the model."""
    assert agent.infer is not None
    machines = [agent.create(call.call_id) for call in calls]
    effects = [
        m.feed(agent.decode(catalogue.encode(c)), 0) for m, c in zip(machines, calls, strict=True)
    ]
    requests = [each.request for part in effects for each in part if isinstance(each, Infer)]
    results = iter(agent.infer(requests) if requests else [])
    found = []
    for machine, part in zip(machines, effects, strict=True):
        is_asked = any(isinstance(each, Infer) for each in part)
        all_effects = machine.resolve(next(results)) if is_asked else part
        messages = [each.message for each in all_effects if isinstance(each, Emit)]
        found.append(Answered(messages, machine.counters))
        assert machine.is_closed
    return found


def test_insights_name_the_turns_that_show_them() -> None:
    calm, angry = answered(agent_of(), call_of(name="a"), call_of(ANGRY, name="b"))

    turn_ids = [turn.turn_id for turn in call_of(ANGRY).turns]
    found = angry.insights
    assert (found.guide, found.model, found.abstained) == (GUIDE.versioned_name, "words@1", "")
    assert found.primary_category is not None
    assert (found.primary_category.value, found.primary_category.evidence) == (
        CATEGORY,
        (turn_ids[1],),
    )
    assert found.coaching[0].fault == GUIDE.faults[3].name
    assert found.coaching[0].evidence == (turn_ids[1], turn_ids[3])
    assert calm.insights.coaching == ()
    assert calm.insights.scorecard[0].answer == "yes"
    assert calm.insights.summary is not None
    assert calm.insights.summary.action is None


def test_high_churn_and_low_quality_raise_alerts_that_are_known_by_their_ids() -> None:
    calm, angry = answered(agent_of(), call_of(), call_of(ANGRY))
    (again,) = answered(agent_of(WordModels(WordAnalyst("words@2"))), call_of(ANGRY))

    assert not calm.alerts
    assert angry.alerts.keys() == {"high_churn_risk", "low_quality"}
    details = angry.alerts["high_churn_risk"].details
    assert (details["score"], details["model"]) == ("95", "words@1")
    assert details["turn_id"] == call_of(ANGRY).turns[1].turn_id
    assert "angry" not in str(details)  # no words of the call
    assert {a.event_id for a in again.alerts.values()} == {
        a.event_id for a in angry.alerts.values()
    }
    assert again.insights.event_id != angry.insights.event_id


@pytest.mark.parametrize(
    ("bounds", "kinds"),
    [
        ({"alert_churn": 95, "alert_quality": 25}, {"high_churn_risk", "low_quality"}),
        ({"alert_churn": 96, "alert_quality": 24}, set()),
        ({"alert_churn": 101, "alert_quality": -1}, set()),
    ],
)
def test_the_settings_say_what_raises_an_alert(bounds: dict[str, Any], kinds: set[str]) -> None:
    (found,) = answered(agent_of(**bounds), call_of(ANGRY))

    assert found.alerts.keys() == kinds


def test_a_repeated_call_has_the_same_bytes() -> None:
    first, second = answered(agent_of(), call_of(), call_of())

    assert [*map(catalogue.encode, first.messages)] == [*map(catalogue.encode, second.messages)]


def test_calls_of_two_guides_share_a_run_and_each_has_its_own() -> None:
    """And its own challenger, and its own reason where there is no model."""
    shop, lost = renamed("shop"), renamed("lost")
    of_shop = WordModels(
        WordAnalyst("shop@1", guide=shop), WordAnalyst("shop@2", guide=shop), guide=shop
    )
    models = WordModels(others={"shop": of_shop, "lost": WordModels(None, guide=lost)})

    found = answered(
        agent_of(models), *(call_of(queue=queue) for queue in ("shop", "", "lost", "shop"))
    )

    assert [(each.insights.guide, each.insights.model) for each in found] == [
        (shop.versioned_name, "shop@1"),
        (GUIDE.versioned_name, "words@1"),
        (lost.versioned_name, ""),
        (shop.versioned_name, "shop@1"),
    ]
    shadows = [[e for e in each.messages if getattr(e, "is_shadow", False)] for each in found]
    assert [len(each) for each in shadows] == [1, 0, 0, 1]
    assert found[2].alerts["analytics_without_model"].details["guide"] == "lost"


def test_private_calls_are_left_alone_and_the_model_is_not_asked() -> None:
    models = WordModels()

    (found,) = answered(agent_of(models), call_of(attributes={"analytics": "False"}))

    assert found.messages == []
    assert found.counters.left_alone == 1
    assert models.champion is not None
    assert models.champion.asked == []


def test_calls_that_are_too_short_or_in_another_language_are_abstained_from() -> None:
    models = WordModels()
    heard = msgspec.structs.replace(call_of(), unserved_language="sw")
    doubted = msgspec.structs.replace(call_of(language="en"), unserved_language="und")

    found = answered(
        agent_of(models),
        call_of(CALM[: GUIDE.min_turns - 1]),
        call_of((*CALM[: GUIDE.min_turns - 1], " ")),
        call_of(language="sw-TZ"),
        heard,
        doubted,
        call_of(language="en_GB"),
    )

    reasons = [each.insights.abstained for each in found]
    assert reasons == ["too_short", "too_short", "language", "language", "language", ""]
    assert [each.insights.model for each in found] == ["", "", "", "", "", "words@1"]
    assert all(not each.insights.scorecard for each in found[:5])
    assert models.champion is not None
    assert models.champion.asked == [1]


def test_without_a_model_calls_go_on_with_one_line_and_one_alert() -> None:
    models = WordModels(champion=None)
    with structlog.testing.capture_logs() as lines:
        agent = agent_of(models)
        first, second = answered(agent, call_of(name="a"), call_of(name="b"))

    assert first.insights.abstained == second.insights.abstained == "no_model"
    assert MISSING in first.alerts["analytics_without_model"].details["reason"]
    assert not second.alerts
    (line,) = (each for each in lines if each["event"] == "analytics_model.missing")
    assert "callstream models fetch smollm2-135m" in line["reason"]


def test_a_model_that_comes_later_is_taken_up_and_its_loss_told_again() -> None:
    models = WordModels(champion=None)
    agent = agent_of(models)
    assert agent.watch is not None
    (before,) = answered(agent, call_of())

    models.champion = WordAnalyst()
    agent.watch.look()
    (after,) = answered(agent, call_of())
    models.champion = None
    (lost,) = answered(agent, call_of())

    assert [each.insights.abstained for each in (before, after, lost)] == [
        *("no_model", "", "no_model")
    ]
    assert lost.alerts.keys() == {"analytics_without_model"}


def test_a_challenger_answers_beside_raises_nothing_and_is_counted() -> None:
    models = WordModels(challenger=WordAnalyst("words@2", anger="leave"))

    same, other = answered(agent_of(models), call_of(), call_of(("yes", "angry", "a", "b")))

    (shadow,) = (m for m in same.messages if isinstance(m, CallInsights) and m.is_shadow)
    assert shadow.model == "words@2"
    assert shadow.event_id != same.insights.event_id
    assert (same.counters.shadow_agreed, same.counters.shadow_differed) == (1, 0)
    assert (other.counters.shadow_agreed, other.counters.shadow_differed) == (0, 1)
    assert len([m for m in other.messages if isinstance(m, Alert)]) == 2


@pytest.mark.parametrize(
    "challenger", [WordAnalyst(raises=True), WordAnalyst(anger="x", guide=GUIDE)]
)
def test_a_challenger_that_fails_costs_no_call_its_answer(challenger: WordAnalyst) -> None:
    models = WordModels(challenger=challenger)

    (found,) = answered(agent_of(models), call_of((*CALM, UNREADABLE[:-2])))

    assert found.insights.model == "words@1"


def test_a_call_that_cannot_be_read_fails_alone_and_a_back_end_that_is_away_may_pass(
    tmp_path: Any,
) -> None:
    blocked = tmp_path / "away"
    models = WordModels(WordAnalyst(blocked_by=blocked))
    agent = agent_of(models)
    assert agent.infer is not None
    calls = [call_of((*CALM, HELD_UP), name="a"), call_of((*CALM, UNREADABLE), name="b")]
    requests = []
    for call in calls:
        (infer,) = agent.create(call.call_id).feed(call, 0)
        assert isinstance(infer, Infer)
        requests.append(infer.request)

    good, bad = agent.infer(requests)
    blocked.touch()
    away, _ = agent.infer(requests)

    assert not isinstance(good, Failed)
    assert bad == Failed(BROKEN)
    assert away == Failed(AWAY, retryable=True)


def test_a_call_for_which_the_model_failed_closes_without_insights() -> None:
    agent = agent_of()
    machine = agent.create("c")
    (infer,) = machine.feed(call_of(), 7)
    assert isinstance(infer, Infer)

    (commit,) = machine.resolve(agent.fail(infer.request, Failed(AWAY, retryable=True)))

    assert isinstance(commit, Commit)
    assert commit.checkpoint is not None
    assert commit.checkpoint.state == {"end_offset": 7, "is_unanswered": True}


def test_categories_are_compared_with_those_of_the_classifier_of_the_label_set() -> None:
    """The bundled one of `contact-centre`; what it abstains from does not count."""
    agent = agent_of(compare_categories=True)
    said = "hello", "my card was stolen, please block my credit card", "of course", "thanks a lot"
    named = (*said, f"{CATEGORY}")

    found = answered(
        agent,
        *(call_of((*said, name), name=f"call-{n}") for n, name in enumerate(GUIDE.categories)),
        call_of(("hello", "yes", "no", "mm", CATEGORY[:1])),
    )

    agreed = [each.counters.categories_agreed for each in found]
    differed = [each.counters.categories_differed for each in found]
    assert sum(agreed[:-1]) == 1, named
    assert sum(differed[:-1]) == len(GUIDE.categories) - 1
    assert (agreed[-1], differed[-1]) == (0, 0)

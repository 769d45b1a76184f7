"""A finalized call becomes one classification and its alerts, with a model or without."""

import os
from pathlib import Path

import msgspec
import pytest

from models.classification.classifier import Classifier
from schemas import catalogue
from schemas.base import CallContext, Message
from schemas.classification import CallClassified
from schemas.operations import Alert
from schemas.turns import FinalizedCall
from stream_app.agents.definition import AgentDefinition
from stream_app.agents.registry import define_agent
from stream_app.calls.effects import Emit, Infer
from stream_app.settings import Settings
from tests.support.calls.call_messages import CALL, finalized
from tests.support.classification.tiny_classifier import LABEL_SET, write_classifier

OTHER = LABEL_SET.replace('name = "tiny"', 'name = "other"')
PHONE = ((0, 0, "hello"), (1, 1_000, "my phone number please"))


def agent_of(models: dict[str, str], **fields: object) -> AgentDefinition:
    part = {"models": models, "label_set": "tiny", "routes": (), **fields}
    return define_agent("classify", Settings().replace(classification=part))


@pytest.fixture
def agent(tmp_path: Path) -> AgentDefinition:
    return agent_of({"tiny": str(write_classifier(tmp_path))})


def point_aliases(folder: Path, aliases: dict[str, str]) -> None:
    """Say which versions serve, as if their files had lain there for long."""
    (folder / "aliases.json").write_bytes(msgspec.json.encode(aliases))
    for path in folder.rglob("*.*"):
        os.utime(path, (1, 1))


def call_of(turns: tuple[tuple[int, int, str], ...] = PHONE, **context: object) -> FinalizedCall:
    return msgspec.structs.replace(finalized(turns), context=CallContext(**context))  # type: ignore[arg-type]


def answered(agent: AgentDefinition, *calls: FinalizedCall) -> list[list[Message]]:
    """Return the messages of each call, all of them in one run of the model."""
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
        found.append([each.message for each in all_effects if isinstance(each, Emit)])
        assert machine.is_closed
    return found


def classified(messages: list[Message]) -> CallClassified:
    (found,) = (
        each for each in messages if isinstance(each, CallClassified) and not each.is_shadow
    )
    return found


def alerts(messages: list[Message]) -> dict[str, Alert]:
    return {each.kind: each for each in messages if isinstance(each, Alert)}


def test_a_call_has_labels_with_the_turns_that_carried_them(agent: AgentDefinition) -> None:
    (messages,) = answered(agent, call_of())

    found = classified(messages)
    assert found.label_set == "tiny-2"
    assert found.model.startswith("tiny@")
    assert {a.task: a.labels[0].label for a in found.answers if a.labels} == {
        "main": "Contact",
        "sub": "Phone",
        "flags": "Asks",
        "priority": "Low",
    }
    assert found.answers[1].evidence == (finalized(PHONE).turns[1].turn_id,)
    assert not alerts(messages).keys() & {"urgent", "classification_without_model"}


def test_a_rule_of_the_label_set_raises_an_alert_that_names_turn_and_rule(
    agent: AgentDefinition,
) -> None:
    (messages,) = answered(agent, call_of(((1, 0, "today"), (1, 2_000, "i need you here now"))))

    alert = alerts(messages)["urgent"]
    assert alert.severity == "critical"
    assert alert.details["rule"] == "in_danger"
    assert alert.details["turn_id"].endswith("/1/2000")
    assert "need" not in str(alert.details)  # no words of the call


def test_two_rules_of_one_kind_and_label_in_different_tasks_are_two_alerts(
    tmp_path: Path,
) -> None:
    second = LABEL_SET.replace(
        "[[floor]]",
        """[[tasks]]
name = "danger"
title = "Danger"
is_ranked = true
labels = [
    { name = "Low", definition = "None" },
    { name = "High", definition = "Some" },
]

[[alerts]]
kind = "urgent"
task = "danger"
label = "High"

[[floor]]
name = "armed"
task = "danger"
label = "High"
phrases = ["he has a knife"]

[[floor]]""",
    )
    agent = agent_of({"tiny": str(write_classifier(tmp_path, label_set=second))})

    (messages,) = answered(agent, call_of(((1, 0, "he has a knife and he is here"),)))

    urgent = [each for each in messages if isinstance(each, Alert) and each.kind == "urgent"]
    assert {each.details["task"] for each in urgent} == {"priority", "danger"}
    assert len({each.event_id for each in urgent}) == 2


def test_an_answer_below_the_confidence_of_a_rule_is_no_alert(agent: AgentDefinition) -> None:
    unsure, sure = answered(
        agent,
        call_of(((1, 0, "um phone monday today"),)),
        call_of(((1, 0, "phone number phone number phone"),)),
    )

    assert "certain_phone" not in alerts(unsure)
    assert "certain_phone" in alerts(sure)


def test_a_repeated_call_has_the_same_ids(agent: AgentDefinition) -> None:
    first, second = answered(agent, call_of(), call_of())

    assert first == second


def test_private_calls_are_left_alone(agent: AgentDefinition) -> None:
    assert answered(agent, call_of(attributes={"analytics": "false"})) == [[]]


def test_a_language_that_the_label_set_does_not_have_is_abstained_from(
    agent: AgentDefinition,
) -> None:
    stated = call_of(language="sw-TZ")
    heard = msgspec.structs.replace(call_of(), unserved_language="sw")
    doubted = msgspec.structs.replace(call_of(language="en"), unserved_language="und")
    danger = call_of(((1, 0, "he has a knife"),), language="sw")

    messages = answered(agent, stated, heard, doubted, danger, call_of(), call_of(language="und"))

    reasons = [classified(each).abstained for each in messages]
    assert reasons == ["language"] * 4 + ["", ""]
    assert "urgent" in alerts(messages[3])


@pytest.mark.parametrize("between", ["", "mm yeah okay"])
def test_a_phrase_of_the_floor_over_two_turns_raises_with_both_as_evidence(
    between: str, agent: AgentDefinition
) -> None:
    said = [(1, 0, "listen he has"), (0, 1_000, between), (1, 2_000, "a knife"), (1, 9_000, "bye")]
    call = call_of(tuple(each for each in said if each[2]))
    foreign = msgspec.structs.replace(call, unserved_language="und")

    for messages in answered(agent, call, foreign):
        (priority,) = (a for a in classified(messages).answers if a.task == "priority")
        turns = [turn.turn_id for turn in call.turns if turn.text in {"listen he has", "a knife"}]
        assert (priority.raised_by, list(priority.evidence)) == ("in_danger", turns)
        assert alerts(messages)["urgent"].details["turn_id"] == turns[0]


def test_calls_of_two_label_sets_share_a_run_and_each_has_its_own(tmp_path: Path) -> None:
    models = {
        "tiny": str(write_classifier(tmp_path / "a")),
        "other": str(write_classifier(tmp_path / "b", label_set=OTHER)),
    }
    routes = (
        {"name": "other", "queue": "kids"},
        {"name": "other", "attributes": {"t": "x"}},
    )
    agent = agent_of(models, routes=routes)

    messages = answered(
        agent,
        call_of(queue="kids"),
        call_of(queue="billing"),
        call_of(queue="billing", attributes={"t": "x"}),
        call_of(),
    )

    assert [classified(each).label_set for each in messages] == [
        "other-2",
        "tiny-2",
        "other-2",
        "tiny-2",
    ]


def test_without_weights_rules_answer_and_one_alert_says_so(tmp_path: Path) -> None:
    models = {"tiny": str(write_classifier(tmp_path)), "helpline": str(tmp_path / "none")}
    agent = agent_of(models, label_set="helpline")

    first, second = answered(agent, call_of(((1, 0, "he has a knife and he is here"),)), call_of())

    assert classified(first).abstained == classified(second).abstained == "no_model"
    assert classified(first).model == ""
    told = alerts(first)["classification_without_model"]
    assert told.details["label_set"] == "helpline"
    assert str(tmp_path / "none") in told.details["reason"]
    assert "classification_without_model" not in alerts(second)


@pytest.mark.parametrize("damage", ["truncated", "absent", "no label set"])
def test_a_label_set_of_ones_own_without_weights_stops_no_other(
    damage: str, tmp_path: Path
) -> None:
    """Where its label set lies whole beside the weights, its rules answer."""
    shop = tmp_path / "shop"
    text = LABEL_SET.replace('name = "tiny"', 'name = "shop"')
    if damage != "absent":
        write_classifier(shop, label_set=text)
        (shop / "tiny.onnx").write_bytes(b"short")
    if damage == "no label set":
        (shop / "tiny.labels.toml").write_text("[")
    models = {"tiny": str(write_classifier(tmp_path / "tiny")), "shop": str(shop)}
    agent = agent_of(models, routes=({"name": "shop", "queue": "shop"},))
    danger = ((1, 0, "he has a knife"),)

    own, other = answered(agent, call_of(danger, queue="shop"), call_of())

    assert (classified(own).abstained, classified(other).abstained) == ("no_model", "")
    assert alerts(own)["classification_without_model"].details["label_set"] == "shop"
    assert str(shop) in alerts(own)["classification_without_model"].details["reason"]
    assert ("urgent" in alerts(own)) == (damage == "truncated")
    write_classifier(shop, label_set=text)
    assert agent.watch is not None
    agent.watch.look()
    assert not classified(answered(agent, call_of(danger, queue="shop"))[0]).abstained


def test_a_challenger_that_fails_on_a_call_costs_it_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_classifier(tmp_path / "tiny1")
    write_classifier(tmp_path / "tiny2", strength=0.25)
    point_aliases(tmp_path, {"champion": "tiny1", "shadow": "tiny2"})
    agent = agent_of({"tiny": str(tmp_path)})
    asked: list[str] = []

    def failing(self: Classifier, calls: object) -> object:
        asked.append(self.name)
        if len(set(asked)) > 1:
            raise KeyError("priority")
        return classify(self, calls)  # type: ignore[arg-type]

    classify = Classifier.classify
    monkeypatch.setattr(Classifier, "classify", failing)

    (messages,) = answered(agent, call_of())

    assert len(set(asked)) == 2
    assert [m.is_shadow for m in messages if isinstance(m, CallClassified)] == [False]


def test_the_version_that_serves_is_not_its_own_challenger(tmp_path: Path) -> None:
    write_classifier(tmp_path / "tiny1")
    point_aliases(tmp_path, {"champion": "tiny1", "shadow": "tiny1"})

    (messages,) = answered(agent_of({"tiny": str(tmp_path)}), call_of())

    assert [m.is_shadow for m in messages if isinstance(m, CallClassified)] == [False]


def test_weights_that_come_later_are_taken_up(tmp_path: Path) -> None:
    folder = tmp_path / "helpline"
    text = LABEL_SET.replace('name = "tiny"', 'name = "helpline"')
    agent = agent_of({"helpline": str(folder)}, label_set="helpline")
    assert agent.watch is not None
    (before,) = answered(agent, call_of())

    write_classifier(folder, label_set=text)
    agent.watch.look()
    (after,) = answered(agent, call_of())

    assert (classified(before).abstained, classified(after).abstained) == ("no_model", "")


def test_a_challenger_answers_beside_and_raises_nothing(tmp_path: Path) -> None:
    write_classifier(tmp_path / "tiny1")
    write_classifier(tmp_path / "tiny2", strength=0.25)
    point_aliases(tmp_path, {"champion": "tiny1", "shadow": "tiny2"})
    agent = agent_of({"tiny": str(tmp_path)})

    (messages,) = answered(agent, call_of(((1, 0, "phone number phone i need you now"),)))

    (shadow,) = (m for m in messages if isinstance(m, CallClassified) and m.is_shadow)
    assert shadow.model != classified(messages).model
    assert shadow.event_id != classified(messages).event_id
    assert [m.kind for m in messages if isinstance(m, Alert)].count("urgent") == 1
    assert messages[0].call_id == CALL


def test_answers_of_a_challenger_are_counted_by_whether_they_agree(tmp_path: Path) -> None:
    label_set = LABEL_SET.replace("min_words = 3", "min_words = 3\nmin_confidence = 0.9")
    write_classifier(tmp_path / "tiny1", label_set=label_set)
    write_classifier(tmp_path / "tiny2", label_set=label_set, strength=0.5)
    point_aliases(tmp_path, {"champion": "tiny1", "shadow": "tiny2"})
    agent = agent_of({"tiny": str(tmp_path)})
    assert agent.infer is not None
    texts = (
        "phone number phone number phone number phone number",  # both are sure
        "monday phone is",  # neither is
        "phone number is",  # the challenger is not
        "yes",  # neither was asked
    )
    machines = []
    for number, text in enumerate(texts):
        call = msgspec.structs.replace(call_of(((1, 0, text),)), call_id=f"c{number}")
        machine = agent.create(call.call_id)
        (infer,) = machine.feed(call, 0)
        assert isinstance(infer, Infer)
        machine.resolve(agent.infer([infer.request])[0])
        machines.append(machine)

    counted = [(m.counters.shadow_agreed, m.counters.shadow_differed) for m in machines]
    assert counted == [(1, 0), (1, 0), (0, 1), (0, 0)]

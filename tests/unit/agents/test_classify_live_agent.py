"""Every few turns of a call in progress become one provisional classification."""

from collections.abc import Sequence
from pathlib import Path

from schemas import catalogue
from schemas.base import CallContext, Message
from schemas.classification import CallClassified
from schemas.operations import Alert
from schemas.turns import TurnEnded
from stream_app.agents.definition import AgentDefinition
from stream_app.agents.registry import define_agent
from stream_app.calls.effects import Emit, Infer
from stream_app.settings import Settings
from tests.support.calls.call_messages import turn_ended, turns_complete
from tests.support.classification.tiny_classifier import LABEL_SET, write_classifier

OTHER = LABEL_SET.replace('name = "tiny"', 'name = "other"')
TEXTS = ("good morning", "my phone number please", "yes", "i need you here now")


def agent_of(models: dict[str, str], **fields: object) -> AgentDefinition:
    part = {"models": models, "label_set": "tiny", "routes": (), "live_every": 2, **fields}
    return define_agent("classify_live", Settings().replace(classification=part))


def turns_of(texts: Sequence[str] = TEXTS, channel: int = 1, **fields: object) -> list[TurnEnded]:
    return [
        turn_ended(
            channel, n * 1_000, n * 1_000 + 900, text=text, words=len(text.split()), **fields
        )
        for n, text in enumerate(texts)
    ]


def answered(agent: AgentDefinition, messages: Sequence[Message]) -> list[CallClassified]:
    """Return what the messages of one call lead to."""
    assert agent.infer is not None
    machine = agent.create(messages[0].call_id)
    found: list[Message] = []
    for offset, message in enumerate(messages):
        effects = list(machine.feed(agent.decode(catalogue.encode(message)), offset))
        for asked in [each for each in effects if isinstance(each, Infer)]:
            (result,) = agent.infer([asked.request])
            effects += machine.resolve(result)
        found += [each.message for each in effects if isinstance(each, Emit)]
    assert not [each for each in found if isinstance(each, Alert)]  # of the finalized call alone
    return [each for each in found if isinstance(each, CallClassified)]


def labels(message: CallClassified, task: str) -> list[str]:
    return [each.label for a in message.answers if a.task == task for each in a.labels]


def test_every_second_turn_has_an_answer_that_says_that_the_call_goes_on(tmp_path: Path) -> None:
    agent = agent_of({"tiny": str(write_classifier(tmp_path))})
    turns = turns_of()

    first, second = answered(agent, [*turns, turns_complete(4)])

    assert (first.is_provisional, first.at_turn, second.at_turn) == (True, 2, 4)
    assert labels(first, "sub") == ["Phone"]
    (evidence,) = (a.evidence for a in first.answers if a.task == "sub")
    assert evidence == (turns[1].turn_id,)
    assert labels(second, "priority") == ["High"]
    assert first.event_id != second.event_id


def test_acknowledgements_do_not_count_as_turns(tmp_path: Path) -> None:
    agent = agent_of({"tiny": str(write_classifier(tmp_path))})
    first, *others = turns_of()
    murmurs = turns_of(("mm", "yes"), channel=0, is_backchannel=True)

    found = answered(agent, [first, *murmurs, *others])

    assert [each.at_turn for each in found] == [2, 4]


def test_calls_that_are_not_to_be_analysed_have_no_answer(tmp_path: Path) -> None:
    agent = agent_of({"tiny": str(write_classifier(tmp_path))})
    private = CallContext(attributes={"analytics": "false"})

    assert answered(agent, turns_of(context=private)) == []
    assert len(answered(agent, turns_of(context=CallContext()))) == 2


def test_the_context_of_the_turns_chooses_the_label_set(tmp_path: Path) -> None:
    models = {
        "tiny": str(write_classifier(tmp_path / "tiny")),
        "other": str(write_classifier(tmp_path / "other", label_set=OTHER)),
    }
    agent = agent_of(models, routes="other=queue:children")

    found = answered(agent, turns_of(context=CallContext(queue="children")))

    assert {each.label_set for each in found} == {"other-2"}


def test_an_answer_rests_on_the_latest_words(tmp_path: Path) -> None:
    """So that a call of three hours costs no more at its end than at its begin."""
    agent = agent_of({"tiny": str(write_classifier(tmp_path))}, live_words=6)
    texts = ("i need you here now", "well", "my phone number please", "yes")

    first, second = answered(agent, turns_of(texts))

    assert labels(first, "priority") == ["High"]
    assert labels(second, "priority") == ["Low"]
    assert labels(second, "sub") == ["Phone"]


def test_without_weights_the_rules_answer(tmp_path: Path) -> None:
    models = {"tiny": str(write_classifier(tmp_path)), "helpline": str(tmp_path / "none")}
    agent = agent_of(models, label_set="helpline")

    found = answered(agent, turns_of(("good evening", "hello", "he has a knife", "he is here")))

    assert [each.abstained for each in found] == ["no_model", "no_model"]
    assert labels(found[1], "priority") == ["High"]


def test_a_phrase_of_the_floor_over_two_turns_raises_while_the_call_goes_on(
    tmp_path: Path,
) -> None:
    agent = agent_of({"tiny": str(write_classifier(tmp_path))})
    turns = turns_of(("well he has", "a knife"))

    (found,) = answered(agent, turns)

    (priority,) = (a for a in found.answers if a.task == "priority")
    assert priority.evidence == tuple(turn.turn_id for turn in turns)
    assert priority.raised_by == "in_danger"

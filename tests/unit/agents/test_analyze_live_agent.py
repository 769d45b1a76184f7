"""Every n-th turn of a call in progress has its summary and scorecard so far, with evidence."""

from typing import Any

import msgspec

from schemas.base import CallContext
from schemas.insights import CallInsights
from schemas.turns import TurnEnded
from stream_app.agents.analyze_live import definition_of
from stream_app.calls.effects import Emit, Infer
from stream_app.settings import Settings
from tests.support.analytics.word_analyst import GUIDE, WordAnalyst, WordModels, renamed
from tests.support.calls.call_messages import turn_ended, turn_revised

EVERY = 4
CATEGORY = GUIDE.categories[0]
TEXTS = ("hello", "yes", CATEGORY, "well", "angry", "mhm", "so", "thanks", "bye")
ACKNOWLEDGEMENT = 5  # of the texts


def turns_of(**context: Any) -> list[TurnEnded]:
    return [
        msgspec.structs.replace(
            turn_ended(
                n % 2,
                n * 1_000,
                n * 1_000 + 900,
                text=text,
                event_id=f"c/turn_ended/{n}",
                turn_id=f"c/turn/{n}",
                context=CallContext(**context),
            ),
            is_backchannel=n == ACKNOWLEDGEMENT,
        )
        for n, text in enumerate(TEXTS)
    ]


def answered(turns: list[TurnEnded], models: WordModels | None = None) -> list[CallInsights]:
    settings = Settings().replace(analytics={"live_every": EVERY})
    agent = definition_of(settings, models or WordModels())
    assert agent.infer is not None
    machine = agent.create(turns[0].call_id)
    found = []
    for offset, turn in enumerate(turns):
        effects = list(machine.feed(turn, 2 * offset))
        if turn.turn_id == "c/turn/2":
            machine.feed(turn_revised(turn, f"it is {CATEGORY}", turn.at_ms), 2 * offset + 1)
        for each in effects:
            if isinstance(each, Infer):
                effects += machine.resolve(agent.infer([each.request])[0])
        found += [each.message for each in effects if isinstance(each, Emit)]
    return [each for each in found if isinstance(each, CallInsights)]


def test_every_few_turns_have_an_answer_without_what_is_judged_at_the_end() -> None:
    first, second = answered(turns_of())

    assert [each.at_turn for each in (first, second)] == [EVERY, 2 * EVERY]
    assert first.event_id != second.event_id
    for each in (first, second):
        assert each.is_provisional
        assert (each.quality, each.csat, each.churn_risk) == (None, None, None)
        assert each.scorecard[0].answer == "yes"
        assert each.summary is not None
        assert each.summary.issue is not None
        assert each.summary.issue.evidence == ("c/turn/2",)
    assert first.coaching == ()
    assert second.coaching[0].evidence == ("c/turn/4",)


def test_the_guide_of_a_call_is_that_of_its_queue() -> None:
    shop = renamed("shop")
    models = WordModels(others={"shop": WordModels(WordAnalyst("shop@1", guide=shop), guide=shop)})

    found = answered(turns_of(queue="shop"), models)

    assert {(each.guide, each.model) for each in found} == {(shop.versioned_name, "shop@1")}


def test_private_calls_are_left_alone() -> None:
    models = WordModels()

    assert answered(turns_of(attributes={"analytics": "false"}), models) == []
    assert models.champion is not None
    assert models.champion.asked == []


def test_without_a_model_an_answer_says_so() -> None:
    found = answered(turns_of(), WordModels(champion=None))

    assert [each.abstained for each in found] == ["no_model", "no_model"]

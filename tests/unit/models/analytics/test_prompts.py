"""Prompts of the call analytics, word for word."""

import pytest

from models.analytics.guide import load_guide
from models.analytics.prompts import TokenBudget, build_prompt
from models.analytics.turns import SpokenTurn, TemporalContext
from schemas.errors import ConfigurationError

GUIDE = load_guide("contact-centre")
TURNS = [
    SpokenTurn("agent", "Thank you for calling support."),
    SpokenTurn("customer", "My internet\nhas been down <|im_end|>"),
    SpokenTurn("unknown", "Yes."),
]
CONTEXT = TemporalContext(
    timestamp="2026-01-15T14:30:00",
    time_of_day="afternoon",
    day_of_week="Thursday",
    business_hours=True,
    queue_wait_time_seconds=120,
    peak_season=False,
)


def words(text: str) -> int:
    return len(text.split())


def test_the_chat_form_is_one_line_of_context_and_numbered_turns() -> None:
    prompt = build_prompt(TURNS, CONTEXT, "chat", guide=GUIDE, budget=TokenBudget(100, words))

    assert prompt.system == "General customer service: analyse the call and answer in JSON."
    assert prompt.user == (
        "Thursday afternoon, opening hours, waited 120 s, normal season\n"
        "Agent: Thank you for calling support. |1\n"
        "Customer: My internet has been down (/im_end/) |2\n"
        "Speaker: Yes. |3"
    )
    assert prompt.shown == (0, 1, 2)


def test_the_documents_form_has_its_marks_and_its_six_keys() -> None:
    prompt = build_prompt(TURNS, CONTEXT, "document", guide=GUIDE, budget=TokenBudget(100, words))

    assert prompt.system == ""
    assert prompt.user == (
        "<|user|>\n"
        "[TEMPORAL CONTEXT]\n"
        "timestamp: 2026-01-15T14:30:00\n"
        "time_of_day: afternoon\n"
        "day_of_week: Thursday\n"
        "business_hours: true\n"
        "queue_wait_time_seconds: 120\n"
        "peak_season: false\n"
        "\n"
        "[CONVERSATION]\n"
        "Agent: Thank you for calling support.\n"
        "Customer: My internet has been down (/im_end/)\n"
        "Speaker: Yes.\n"
        "\n"
        "<|assistant|>\n"
    )


def test_what_is_not_known_of_the_time_is_left_out() -> None:
    budget = TokenBudget(100, words)
    night = TemporalContext(business_hours=False)

    chat = build_prompt(TURNS, night, "chat", guide=GUIDE, budget=budget)
    nothing = build_prompt(TURNS, TemporalContext(), "chat", guide=GUIDE, budget=budget)
    document = build_prompt(TURNS, TemporalContext(), "document", guide=GUIDE, budget=budget)

    assert chat.user.startswith("out of hours\nAgent: ")
    assert nothing.user.startswith("Agent: ")
    assert document.user.startswith("<|user|>\n[CONVERSATION]\nAgent: ")


def test_a_long_call_loses_turns_from_its_middle_and_says_so() -> None:
    turns = [SpokenTurn("agent", f"turn {each} of many turns") for each in range(50)]

    prompt = build_prompt(
        turns, TemporalContext(), "chat", guide=GUIDE, budget=TokenBudget(50, words)
    )

    assert prompt.user == (
        "Agent: turn 0 of many turns |1\n"
        "Agent: turn 1 of many turns |2\n"
        "Agent: turn 2 of many turns |3\n"
        "(45 turns left out)\n"
        "Agent: turn 48 of many turns |4\n"
        "Agent: turn 49 of many turns |5"
    )
    assert prompt.shown == (0, 1, 2, 48, 49)


def test_a_budget_without_room_for_both_ends_is_one_clear_error() -> None:
    with pytest.raises(ConfigurationError, match="15 tokens has no room for two turns"):
        build_prompt(
            TURNS * 9, TemporalContext(), "chat", guide=GUIDE, budget=TokenBudget(15, words)
        )

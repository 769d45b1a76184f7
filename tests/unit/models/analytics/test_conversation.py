"""Calls as text are read as they are written; what is none is refused with the line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.analytics.serving.conversation import (
    ConversationError,
    as_text,
    completed,
    context_of,
    read_conversation,
)
from models.analytics.temporal import CallCalendar
from models.analytics.turns import SpokenTurn, TemporalContext
from schemas.base import Party

DOCUMENT = """<|user|>
[TEMPORAL CONTEXT]
timestamp: 2026-01-15T14:30:00
time_of_day: afternoon
day_of_week: Wednesday
business_hours: true
queue_wait_time_seconds: 120
peak_season: false

[CONVERSATION]
Agent: Thank you for calling support...
Customer: My internet has been down
since yesterday: all of it.

<|assistant|>
{"primary_category": "Internet Connectivity"}
"""


def test_the_form_of_the_documents_is_read() -> None:
    found = read_conversation(DOCUMENT)

    assert found.turns == (
        SpokenTurn("agent", "Thank you for calling support..."),
        SpokenTurn("customer", "My internet has been down since yesterday: all of it."),
    )
    assert found.context == TemporalContext(
        timestamp="2026-01-15T14:30:00",
        time_of_day="afternoon",
        day_of_week="Wednesday",
        business_hours=True,
        queue_wait_time_seconds=120,
        peak_season=False,
    )


def test_the_day_of_the_week_is_computed_and_what_is_missing_follows_from_the_calendar() -> None:
    centre = CallCalendar(
        opening_hours={"thursday": ("08:00-18:00",)}, peak_season=("01-01..01-31",)
    )
    document = completed(read_conversation(DOCUMENT).context, centre)
    bare = completed(TemporalContext(timestamp="2026-01-17T07:00:00"), centre)

    assert (document.day_of_week, document.peak_season) == ("Thursday", False)
    assert (bare.day_of_week, bare.time_of_day) == ("Saturday", "morning")
    assert (bare.business_hours, bare.peak_season) == (False, True)
    alone = TemporalContext(day_of_week="Monday", queue_wait_time_seconds=3)
    assert completed(alone, centre) == alone


def test_speakers_in_any_case_and_by_other_names() -> None:
    found = read_conversation("AGENT: a\n\n caller : b\nSpeaker 2: c\nRepresentative:d")

    assert [(turn.party, turn.text) for turn in found.turns] == [
        *(("agent", "a"), ("customer", "b"), ("unknown", "c"), ("agent", "d"))
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "nothing is said"),
        ("Agent:\nCustomer: ", "nothing is said"),
        ("\nhello\nAgent: hi", "line 2 has no speaker"),
        ("[CONVERSATION]\n[TEMPORAL CONTEXT]\ntimestamp: 2026", "nothing is said"),
        ("[TEMPORAL CONTEXT]\ntimestamp: soon\n[CONVERSATION]\nAgent: a", "timestamp: 'soon'"),
        (
            "[TEMPORAL CONTEXT]\nqueue_wait_time_seconds: -1\n[CONVERSATION]\nAgent: a",
            "queue_wait_time_seconds: -1",
        ),
        ("[TEMPORAL CONTEXT]\npeak_season: maybe\n[CONVERSATION]\nAgent: a", "not valid"),
    ],
)
def test_what_is_no_conversation_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConversationError, match=says):
        read_conversation(text)


def test_fields_that_nobody_knows_are_ignored() -> None:
    assert context_of({"weather": "rain", "timestamp": ""}) == TemporalContext()


WORDS = st.text(st.sampled_from("abc d.'?"), min_size=1, max_size=20).filter(str.strip)
PARTIES: st.SearchStrategy[Party] = st.sampled_from(["agent", "customer", "unknown"])


@given(st.lists(st.builds(SpokenTurn, PARTIES, WORDS), min_size=1, max_size=8))
def test_what_is_written_is_read_again(turns: list[SpokenTurn]) -> None:
    found = read_conversation(as_text(turns))

    assert found.turns == tuple(SpokenTurn(t.party, " ".join(t.text.split())) for t in turns)

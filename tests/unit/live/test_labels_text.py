"""What a call was classified as, in words."""

import pytest

from stream_app.live.call_view import CallView
from stream_app.live.labels_text import labels_text
from tests.support.calls.call_messages import CALL, classified, finalized


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "main_category Cards (97%), priority High (rule card_stolen)"),
        ({"answers": (), "abstained": "uncertain"}, "none: no label is certain enough"),
        ({"answers": (), "abstained": ""}, "no label holds"),
        ({"answers": (), "abstained": "no_model"}, "none: no weights"),
    ],
)
def test_labels_and_their_absence_are_said_in_words(fields: dict[str, object], text: str) -> None:
    assert labels_text(classified(**fields)) == text


def test_a_rule_is_said_beside_the_reason_why_the_model_gave_nothing() -> None:
    message = classified(abstained="no_model", answers=classified().answers[1:])

    assert labels_text(message) == "priority High (rule card_stolen); otherwise none: no weights"


def test_labels_so_far_are_not_said_of_a_call_that_is_over() -> None:
    view = CallView(CALL)
    so_far = classified(is_provisional=True, at_turn=4)

    (before,) = view.feed(so_far, 0)
    view.feed(finalized(), 0)

    assert before.text.startswith("labels so far")
    assert view.feed(so_far, 0) == []
    assert view.classified is None


def test_labels_of_a_challenger_are_not_those_of_the_call() -> None:
    view = CallView(CALL)
    champion, shadow = classified(), classified(is_shadow=True, answers=())
    view.feed(finalized(), 0)

    lines = [*view.feed(champion, 0), *view.feed(shadow, 0)]

    assert len(lines) == 1
    assert view.classified == champion

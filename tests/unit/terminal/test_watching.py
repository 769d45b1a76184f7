"""Calls of a running system: all of them or one, each named where the lines change."""

from stream_app.live.following import Arrival
from stream_app.terminal.watching import MAX_CALLS, Watch
from tests.support.calls.call_messages import CALL, classified, final, finalized, started
from tests.support.calls.fake_screen import FakeScreen, arrival


def other(call_id: str, text: str) -> Arrival:
    return arrival(final(0, 900, text, call_id=call_id))


def test_watching_one_call_hides_the_others_and_takes_any_of_its_runs() -> None:
    screen = FakeScreen()
    watch = Watch(screen, "call")

    watch.take([other("call~1", "one"), other("callous~1", "two"), other("call", "three")])

    assert [line.split()[-1] for line in screen.lines if "agent" in line] == ["one", "three"]


def test_watching_many_calls_says_whose_words_they_are() -> None:
    screen = FakeScreen()
    watch = Watch(screen)

    watch.take([other("a", "one"), other("a", "two"), other("b", "three")])
    watch.take([arrival(started(call_id="a")), other("b", "four"), other("a", "five")])

    assert [line.partition("- ")[2] or line.split()[-1] for line in screen.lines] == [
        "one",
        "two",
        "in b",
        "three",
        "four",
        "in a",
        "five",
    ]
    assert [view.call_id for view in screen.shown] == ["b", "a"]


def test_a_finalized_call_is_watched_no_longer() -> None:
    screen = FakeScreen()
    watch = Watch(screen)

    watch.take([other(CALL, "one"), arrival(finalized())])

    assert screen.lines[-1].endswith("- call~r: finalized")
    assert screen.shown == []


def test_the_labels_of_a_finalized_call_are_shown_and_nothing_is_kept() -> None:
    screen = FakeScreen()
    watch = Watch(screen)

    watch.take([arrival(finalized()), arrival(classified())])

    assert screen.lines[-1].endswith(
        "- labels (contact-centre-1): main_category Cards (97%), priority High (rule card_stolen)"
    )
    assert screen.shown == []


def test_labels_of_a_call_that_goes_on_leave_it_on_the_screen() -> None:
    screen = FakeScreen()
    watch = Watch(screen)

    watch.take([other(CALL, "one"), arrival(classified(is_provisional=True, at_turn=4))])

    assert "labels so far (contact-centre-1)" in screen.lines[-1]
    assert [view.call_id for view in screen.shown] == [CALL]


def test_labels_of_a_call_that_come_after_its_end_bring_it_back_to_no_screen() -> None:
    """`classify_live` may be behind: nothing would ever take the call away again."""
    screen = FakeScreen()
    watch = Watch(screen)

    watch.take([other(CALL, "one"), arrival(finalized())])
    lines = list(screen.lines)
    watch.take([arrival(classified(is_provisional=True, at_turn=4))])

    assert screen.lines == lines
    assert screen.shown == []


def test_watching_for_days_takes_no_more_memory() -> None:
    screen = FakeScreen()
    watch = Watch(screen)

    watch.take([other(f"call-{number}", "x") for number in range(MAX_CALLS + 50)])

    assert len(screen.shown) == MAX_CALLS
    assert screen.shown[-1].call_id == f"call-{MAX_CALLS + 49}"

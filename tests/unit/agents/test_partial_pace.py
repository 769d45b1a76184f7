"""The interval between partials stretches while they are late, and comes back."""

from stream_app.agents.partial_pace import MAX_STRETCH, PartialPace


def waits(pace: PartialPace, wait_ms: float, *, since_ms: float, for_ms: int) -> float:
    """Return the time after a partial every 50 ms has each waited ``wait_ms``."""
    for at_ms in range(0, for_ms, 50):
        pace.note_wait(wait_ms, since_ms + at_ms)
    return since_ms + for_ms


def test_late_partials_stretch_the_interval_to_a_limit() -> None:
    pace = PartialPace(500)

    now_ms = waits(pace, 260, since_ms=0, for_ms=1_000)
    assert pace.interval_ms == 750

    waits(pace, 4_000, since_ms=now_ms, for_ms=60_000)
    assert pace.interval_ms == 500 * MAX_STRETCH


def test_punctual_partials_bring_the_setting_back_and_no_more() -> None:
    pace = PartialPace(500)
    now_ms = waits(pace, 4_000, since_ms=0, for_ms=60_000)

    waits(pace, 20, since_ms=now_ms, for_ms=60_000)

    assert pace.interval_ms == 500
    assert not pace.is_stretched


def test_what_is_neither_late_nor_early_changes_nothing() -> None:
    pace = PartialPace(500)
    now_ms = waits(pace, 400, since_ms=0, for_ms=1_000)
    now_ms = waits(pace, 200, since_ms=now_ms, for_ms=2_000)
    stretched_ms = pace.interval_ms

    waits(pace, 200, since_ms=now_ms, for_ms=30_000)

    assert pace.interval_ms == stretched_ms > 500


def test_one_late_partial_among_many_is_no_overload() -> None:
    pace = PartialPace(500)
    for at_ms in range(0, 10_000, 50):
        pace.note_wait(2_000 if at_ms % 1_000 == 0 else 10, at_ms)

    assert not pace.is_stretched


def test_rest_brings_the_setting_back_without_any_partial() -> None:
    pace = PartialPace(500)
    now_ms = waits(pace, 4_000, since_ms=0, for_ms=60_000)

    intervals = 0
    while pace.is_stretched:
        now_ms += pace.interval_ms
        pace.note_rest(now_ms)
        intervals += 1

    assert intervals <= 25

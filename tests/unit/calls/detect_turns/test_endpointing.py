import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.calls.detect_turns.endpointing import Endpointer, Spoken, TurnConfig

CONFIG = TurnConfig(
    complete_silence_ms=400,
    silence_ms=700,
    uncertain_silence_ms=1_000,
    incomplete_silence_ms=1_600,
    dictation_silence_ms=1_800,
    ceiling_ms=3_000,
    complete_probability=0.7,
    incomplete_probability=0.3,
    thresholds={"agent": 0.9},
)
ENDPOINTER = Endpointer(CONFIG)
SILENCES_MS = st.integers(0, 5_000)
PROBABILITIES = st.sampled_from((-1.0, 0.0)) | st.floats(0, 1)

spoken_turns = st.builds(
    Spoken,
    probability=PROBABILITIES,
    threshold=st.sampled_from((0.7, 0.9)),
    dictation=st.sampled_from(("none", "open", "complete")),
    has_yielded=st.booleans(),
    is_pending=st.booleans(),
)


@pytest.mark.parametrize(
    ("spoken", "needed_ms"),
    [
        (Spoken(probability=-1.0), 700),
        (Spoken(probability=-1.0, dictation="open"), 700),
        (Spoken(probability=0.8, threshold=0.7), 400),
        (Spoken(probability=0.8, threshold=0.9), 1_000),
        (Spoken(probability=0.5, threshold=0.7), 1_000),
        (Spoken(probability=0.1, threshold=0.7), 1_600),
        (Spoken(probability=0.8, threshold=0.7, dictation="open"), 1_800),
        (Spoken(probability=0.1, threshold=0.7, dictation="complete"), 700),
        (Spoken(probability=0.8, threshold=0.7, dictation="complete"), 400),
        (Spoken(probability=0.1, threshold=0.7, has_yielded=True), 700),
        (Spoken(probability=0.1, threshold=0.7, dictation="open", has_yielded=True), 700),
    ],
)
def test_what_is_known_of_the_words_decides_how_much_silence_is_needed(
    spoken: Spoken, needed_ms: int
) -> None:
    """The table of the module, row by row."""
    assert ENDPOINTER.needed_ms(spoken) == needed_ms
    assert ENDPOINTER.reason(needed_ms - 1, spoken) is None
    assert ENDPOINTER.reason(needed_ms, spoken) is not None


def test_the_reason_says_whether_the_words_or_the_silence_ended_the_turn() -> None:
    complete = Spoken(probability=0.8, threshold=0.7)

    assert ENDPOINTER.reason(400, complete) == "semantic"
    assert ENDPOINTER.reason(700, complete) == "silence"
    assert ENDPOINTER.reason(700, Spoken(has_yielded=True)) == "interrupted"


def test_a_final_that_is_missing_is_waited_for_up_to_the_ceiling() -> None:
    pending = Spoken(probability=0.9, threshold=0.7, is_pending=True)

    assert ENDPOINTER.reason(2_999, pending) is None
    assert ENDPOINTER.reason(3_000, pending) == "ceiling"


def test_a_variant_can_have_a_threshold_of_its_own() -> None:
    assert CONFIG.threshold("agent") == 0.9
    assert CONFIG.threshold("general") == CONFIG.complete_probability


@given(spoken=spoken_turns, silence_ms=SILENCES_MS)
def test_the_ceiling_ends_every_turn(spoken: Spoken, silence_ms: int) -> None:
    assert ENDPOINTER.reason(CONFIG.ceiling_ms + silence_ms, spoken) is not None


@given(spoken=spoken_turns, silence_ms=SILENCES_MS, longer_ms=SILENCES_MS)
def test_more_silence_never_reopens_a_turn(spoken: Spoken, silence_ms: int, longer_ms: int) -> None:
    if ENDPOINTER.reason(silence_ms, spoken) is not None:
        assert ENDPOINTER.reason(silence_ms + longer_ms, spoken) is not None


@given(low=st.floats(0, 1), high=st.floats(0, 1), dictation=st.sampled_from(("none", "open")))
def test_a_text_that_is_more_complete_never_waits_longer(
    low: float, high: float, dictation: str
) -> None:
    low, high = sorted((low, high))
    turns = [
        Spoken(probability=p, threshold=0.7, dictation=dictation)  # type: ignore[arg-type]
        for p in (low, high)
    ]

    waits_ms = [ENDPOINTER.needed_ms(turn) for turn in turns]

    assert waits_ms == sorted(waits_ms, reverse=True)

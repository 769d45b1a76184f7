"""Predictions from partials: emitted at once, withdrawn where wrong; turns ignore them."""

from collections.abc import Mapping, Sequence

import pytest

from schemas.transcripts import SpeechActivity, TranscriptFinal, TranscriptPartial
from schemas.turns import TurnEndPredicted
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.calls.detect_turns.judgement import Judgement, JudgementRequest
from stream_app.calls.detect_turns.turns import CallTurns
from stream_app.calls.effects import Effect, Emit, Infer
from tests.support.calls.turn_judges import answer, drive, one, questions
from tests.support.calls.turn_lanes import AGENT, CALL_ID, Said, captured_at_ns, lane, partial

WHOLE = "i want to cancel my order"
SAID = [Said(AGENT, 0, 3_000, WHOLE)]
SAYS = {"my order": 0.9, "cancel": 0.8, "to": 0.1}


def predicted(
    partials: Sequence[TranscriptPartial],
    *,
    said: Sequence[Said] = SAID,
    says: Mapping[str, float] = SAYS,
) -> list[TurnEndPredicted]:
    """Return the predictions of a call, in the order of the lane."""
    call = CallTurns(CALL_ID, TurnConfig(), router=one(says))
    found = predictions(drive(call, lane(said, extra=partials)))
    withdrawn = sum(prediction.is_withdrawn for prediction in found)
    counters = call.counters
    assert (counters.predicted_ends, counters.withdrawn_ends) == (len(found) - withdrawn, withdrawn)
    return found


def predictions(effects: Sequence[Effect]) -> list[TurnEndPredicted]:
    emitted = [e for e in effects if isinstance(e, Emit)]
    found = [e.message for e in emitted if isinstance(e.message, TurnEndPredicted)]
    assert all(e.is_volatile == isinstance(e.message, TurnEndPredicted) for e in emitted)
    return found


def test_the_end_is_predicted_once_when_the_words_are_complete() -> None:
    (found,) = predicted(
        [
            partial(AGENT, 0, 1_000, "i want to"),
            partial(AGENT, 0, 2_900, WHOLE),
            partial(AGENT, 0, 3_100, WHOLE),
        ]
    )

    assert (found.at_ms, found.probability, found.is_withdrawn) == (2_900, 0.9, False)
    assert found.captured_at_ns == captured_at_ns(2_900)
    assert found.turn_id == f"{CALL_ID}/turn/0/0"


def test_words_that_follow_take_it_back() -> None:
    first, second, third = predicted(
        [
            partial(AGENT, 0, 1_000, "i want to cancel"),
            partial(AGENT, 0, 1_500, "i want to cancel to"),
            partial(AGENT, 0, 2_900, WHOLE),
        ]
    )

    assert [p.is_withdrawn for p in (first, second, third)] == [False, True, False]
    assert (second.at_ms, second.probability) == (1_500, 0.1)
    assert len({p.event_id for p in (first, second, third)}) == 3


def test_a_little_doubt_does_not_take_it_back() -> None:
    """Else a screen would flicker."""
    (found,) = predicted(
        [partial(AGENT, 0, 1_000, "i want to cancel"), partial(AGENT, 0, 1_500, "i want it all")],
        says={"cancel": 0.72, "all": 0.65, "my order": 0.9},
    )

    assert not found.is_withdrawn


def test_a_final_that_says_otherwise_takes_it_back() -> None:
    """What was heard as the end was none."""
    said = [Said(AGENT, 0, 3_000, "i want to cancel to")]

    first, second = predicted([partial(AGENT, 0, 2_500, "i want to cancel")], said=said)

    assert (second.at_ms, second.is_withdrawn, second.probability) == (3_400, True, 0.1)
    assert first.turn_id == second.turn_id


def test_speech_that_goes_on_after_a_silence_takes_it_back() -> None:
    said = [Said(AGENT, 0, 2_000, "i want to cancel"), Said(AGENT, 2_300, 4_000, "my order")]

    first, second = predicted([partial(AGENT, 0, 2_100, "i want to cancel")], said=said)

    assert (first.at_ms, second.at_ms, second.is_withdrawn) == (2_100, 2_396, True)


def test_noise_takes_it_back() -> None:
    first, second = predicted([partial(AGENT, 0, 900, "cancel")], said=[Said(AGENT, 0, 1_000)])

    assert (first.is_withdrawn, second.is_withdrawn) == (False, True)


def test_the_end_of_the_turn_confirms_it() -> None:
    assert len(predicted([partial(AGENT, 0, 2_900, WHOLE)])) == 1


def test_what_is_dictated_is_not_predicted() -> None:
    text = "my number is four two seven"

    found = predicted(
        [partial(AGENT, 0, 2_900, text)], said=[Said(AGENT, 0, 3_000, text)], says={"seven": 0.9}
    )

    assert found == []


def test_the_model_is_asked_about_the_turn_with_the_partial() -> None:
    said = [Said(AGENT, 0, 1_000, "i want to"), Said(AGENT, 1_500, 3_000, "cancel")]
    call = CallTurns(CALL_ID, TurnConfig(), router=one(SAYS))

    effects = drive(call, lane(said, extra=[partial(AGENT, 1_500, 2_900, "cancel")]))

    (request,) = questions(effects, final=False)
    assert (request.text, request.at_ms) == ("i want to cancel", 2_900)


@pytest.mark.parametrize("text", ["", " ", "..."])
def test_a_partial_without_words_asks_nothing(text: str) -> None:
    call = CallTurns(CALL_ID, TurnConfig(), router=one(SAYS))

    effects = drive(call, lane(SAID, extra=[partial(AGENT, 0, 2_900, text)]))

    assert questions(effects, final=False) == []


def test_a_partial_outside_a_turn_asks_nothing() -> None:
    call = CallTurns(CALL_ID, TurnConfig(), router=one(SAYS))

    assert questions(drive(call, [partial(AGENT, 0, 900, "cancel")]), final=False) == []


def test_a_partial_of_a_segment_that_is_final_asks_nothing() -> None:
    call = CallTurns(CALL_ID, TurnConfig(), router=one({"cancel": 0.1}))
    said = [Said(AGENT, 0, 1_000, "i want to cancel")]
    late = partial(AGENT, 0, 900, "i want to cancel")

    drive(call, lane(said)[:-20])

    assert questions(list(call.feed(late, 99)), final=False) == []


def test_a_partial_of_noise_asks_nothing() -> None:
    """Its final has taken the words away, while the turn before it goes on."""
    call = CallTurns(CALL_ID, TurnConfig(), router=one({"to": 0.1}))
    messages = lane([Said(AGENT, 0, 1_000, "i want to"), Said(AGENT, 1_500, 2_000)])
    index = next(n for n, m in enumerate(messages) if getattr(m, "at_ms", 0) > 2_400)
    drive(call, messages[:index])

    assert questions(list(call.feed(partial(AGENT, 1_500, 1_900, "cancel"), 99)), final=False) == []


def test_an_answer_for_a_turn_that_is_over_is_dropped() -> None:
    call = CallTurns(CALL_ID, TurnConfig(), router=one(SAYS))
    said = partial(AGENT, 0, 2_900, WHOLE)
    messages = lane(SAID)
    begin = next(n for n, m in enumerate(messages) if isinstance(m, SpeechActivity))
    drive(call, messages[: begin + 1])
    (asked,) = questions(list(call.feed(said, 99)), final=False)

    drive(call, messages[begin + 1 :])

    assert call.resolve(answer(asked)) == []


def test_an_answer_that_a_final_has_overtaken_is_dropped() -> None:
    """The turn is open still, but the words of the partial are known by now."""
    call = CallTurns(CALL_ID, TurnConfig(), router=one({"to": 0.1}))
    messages = lane([Said(AGENT, 0, 3_000, "i want to")])
    index = next(n for n, m in enumerate(messages) if isinstance(m, TranscriptFinal))
    drive(call, messages[:index])
    (asked,) = questions(list(call.feed(partial(AGENT, 0, 2_900, "i want"), 99)), final=False)

    drive(call, messages[index : index + 1])

    assert call.resolve(Judgement(asked, 0.99)) == []


def test_predictions_are_not_urgent() -> None:
    call = CallTurns(CALL_ID, TurnConfig(), router=one(SAYS))

    effects = drive(call, lane(SAID, extra=[partial(AGENT, 0, 2_900, WHOLE)]))

    asked = [(e.request, e.is_urgent) for e in effects if isinstance(e, Infer)]
    assert [
        (isinstance(request, JudgementRequest) and request.is_final, is_urgent)
        for request, is_urgent in asked
    ] == [(False, False), (True, True)]


def test_without_a_model_nothing_is_predicted() -> None:
    call = CallTurns(CALL_ID, TurnConfig())

    assert predictions(drive(call, lane(SAID, extra=[partial(AGENT, 0, 2_900, WHOLE)]))) == []

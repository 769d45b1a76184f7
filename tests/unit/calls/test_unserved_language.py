"""Calls in a language that the weights do not serve: stated, or by the look of their words."""

from collections.abc import Sequence

import msgspec
import pytest

from schemas.base import CallContext, Message
from schemas.transcripts import CallTranscribed, TranscriptFinal, TranscriptTopicMessage, Word
from schemas.turns import CallTurnsComplete, FinalizedCall, TurnEnded
from stream_app.calls.counters import CallCounters
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.calls.detect_turns.turns import CallTurns
from stream_app.calls.effects import Commit, Effect, Emit, Infer, Tell
from stream_app.calls.finalize.finalizer import CallFinalizer, FinalizeConfig
from stream_app.calls.transcribe.recognition import RecognitionRequest
from tests.support.calls.recorded_calls import call_started, fingerprint, recorded_call, transcriber
from tests.support.calls.turn_judges import drive
from tests.support.calls.turn_lanes import AGENT, CALL_ID, CUSTOMER, Said, lane

GIBBERISH = "good and dark it is ufern while my professional from last"
DOUBTFUL = TurnConfig(doubtful_confidence=0.3)
WITHHOLDING = TurnConfig(doubtful_confidence=0.3, withholds_words=True)


def stated(
    language: str, *, languages: tuple[str, ...] = ("en",), withholds_words: bool = False
) -> tuple[list[Effect], CallCounters]:
    """Return the effects of twelve seconds of a call that states its language."""
    call = transcriber("c", languages=languages, withholds_words=withholds_words)
    start, *rest = recorded_call("c", 0, 12_000)
    start = msgspec.structs.replace(call_started("c"), context=CallContext(language=language))
    effects: list[Effect] = []
    for offset, message in enumerate([start, start, *rest]):
        waiting = list(call.feed(message, offset))
        while waiting:
            effect = waiting.pop(0)
            effects.append(effect)
            if isinstance(effect, Infer) and isinstance(effect.request, RecognitionRequest):
                waiting += call.resolve(fingerprint(effect.request))
    return effects, call.counters


def told(effects: Sequence[Effect]) -> list[dict[str, object]]:
    return [dict(effect.details) for effect in effects if isinstance(effect, Tell)]


def of_type(effects: Sequence[Effect], kind: type[Message]) -> list[Message]:
    emitted = [effect.message for effect in effects if isinstance(effect, Emit)]
    return [message for message in emitted if isinstance(message, kind)]


def test_a_stated_language_is_told_with_the_first_message() -> None:
    effects, counters = stated("de-DE")

    assert isinstance(effects[0], Tell)
    assert effects[0].event == "call.language_unserved"
    assert told(effects) == [{"language": "de", "served": "en", "by": "stated"}]
    assert counters.unserved_languages == 1


def test_its_words_are_written_under_its_name_and_the_summary_says_so() -> None:
    effects, _ = stated("de-DE")

    finals = of_type(effects, TranscriptFinal)
    assert finals
    assert all(final.language == "de" and final.words for final in finals)  # type: ignore[attr-defined]
    (end,) = of_type(effects, CallTranscribed)
    assert end.summary.unserved_language == "de"  # type: ignore[attr-defined]


def test_with_the_setting_it_has_no_words() -> None:
    effects, _ = stated("de", withholds_words=True)

    finals = of_type(effects, TranscriptFinal)
    assert [final.rejected for final in finals] == ["language"] * len(finals)  # type: ignore[attr-defined]
    assert not any(f.words or f.text or f.revised for f in finals)  # type: ignore[attr-defined]


@pytest.mark.parametrize("language", ["en-GB", "", "english", "und"])
def test_a_language_that_is_served_or_not_stated_is_not_told(language: str) -> None:
    effects, counters = stated(language, withholds_words=True)

    assert told(effects) == []
    assert counters.unserved_languages == 0
    assert all(final.words for final in of_type(effects, TranscriptFinal))  # type: ignore[attr-defined]


def test_weights_of_many_languages_keep_the_one_that_they_detect() -> None:
    effects, counters = stated("gsw", languages=("en", "de"), withholds_words=True)

    finals = of_type(effects, TranscriptFinal)
    assert all(final.words and final.language == "gsw" for final in finals)  # type: ignore[attr-defined]
    assert told(effects) == [{"language": "gsw", "served": "2 languages", "by": "stated"}]
    assert counters.unserved_languages == 1


# By the look of the words


def with_confidence(
    said: Sequence[Said], confidence: dict[int, float], language: str = "en"
) -> list[TranscriptTopicMessage]:
    return [
        msgspec.structs.replace(
            message,
            language=language,
            words=tuple(
                Word(text=w.text, start_ms=w.start_ms, end_ms=w.end_ms, confidence=c)
                for w in message.words
                for c in [confidence[message.channel]]
            ),
        )
        if isinstance(message, TranscriptFinal)
        else message
        for message in lane(said)
    ]


CALL = [
    piece
    for n in range(6)
    for piece in (
        Said(CUSTOMER, n * 9_000, n * 9_000 + 4_000, GIBBERISH),
        Said(AGENT, n * 9_000 + 5_500, n * 9_000 + 7_000, "i cannot understand you"),
    )
]


def test_words_that_do_not_look_like_the_language_are_told_once_a_call() -> None:
    machine = CallTurns(CALL_ID, DOUBTFUL)

    effects = drive(machine, with_confidence(CALL, {AGENT: 0.95, CUSTOMER: 0.15}))

    assert told(effects) == [
        {"language": "und", "served": "en", "by": "words", "confidence": 0.15, "channel": CUSTOMER}
    ]
    assert machine.counters.unserved_languages == 1
    (end,) = of_type(effects, CallTurnsComplete)
    assert end.summary.unserved_language == "und"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("confidence", "language", "config"),
    [(0.45, "en", DOUBTFUL), (0.15, "de", DOUBTFUL), (0.15, "en", TurnConfig())],
)
def test_others_are_not(confidence: float, language: str, config: TurnConfig) -> None:
    machine = CallTurns(CALL_ID, config)
    messages = with_confidence(CALL, {AGENT: 0.95, CUSTOMER: confidence}, language)

    effects = drive(machine, messages)

    assert told(effects) == []
    (end,) = of_type(effects, CallTurnsComplete)
    assert not end.summary.unserved_language  # type: ignore[attr-defined]


def test_few_words_tell_nothing() -> None:
    effects = drive(
        CallTurns(CALL_ID, DOUBTFUL), with_confidence(CALL[:4], {AGENT: 0.1, CUSTOMER: 0.1})
    )

    assert told(effects) == []


def test_a_takeover_at_any_message_changes_neither_turns_nor_the_answer() -> None:
    messages = with_confidence(CALL, {AGENT: 0.95, CUSTOMER: 0.15})
    whole = drive(CallTurns(CALL_ID, WITHHOLDING), messages)

    for cut in range(1, len(messages), 7):
        first = drive(CallTurns(CALL_ID, WITHHOLDING), messages[:cut])
        checkpoints = [e.checkpoint for e in first if isinstance(e, Commit) and e.checkpoint]
        machine = (
            CallTurns.restore(checkpoints[-1], WITHHOLDING)
            if checkpoints
            else CallTurns(CALL_ID, WITHHOLDING)
        )
        rest = drive(machine, messages[cut:])
        assert of_type([*first, *rest], Message) == of_type(whole, Message)
        assert told([*first, *rest]) == told(whole)


def test_with_the_setting_no_words_follow_and_the_finalized_call_has_none() -> None:
    effects = drive(
        CallTurns(CALL_ID, WITHHOLDING), with_confidence(CALL, {AGENT: 0.95, CUSTOMER: 0.15})
    )

    texts = [turn.text for turn in of_type(effects, TurnEnded)]  # type: ignore[attr-defined]
    assert texts.count(GIBBERISH) == 2
    call = finalized(effects, FinalizeConfig(withholds_words=True))
    assert call.unserved_language == "und"
    assert call.turns
    assert all(turn.text == "" for turn in call.turns)
    assert call.metrics.words == 0
    assert call.metrics.channels[CUSTOMER].talk_ms > 0


def test_words_that_weights_of_many_languages_keep_are_in_the_finalized_call() -> None:
    """What transcribe withholds has no words by then; what it does not is not withheld later."""
    effects = [
        Emit(_stated(effect.message, "gsw")) if isinstance(effect, Emit) else effect
        for effect in drive(
            CallTurns(CALL_ID, WITHHOLDING), with_confidence(CALL, {AGENT: 0.95, CUSTOMER: 0.95})
        )
    ]

    call = finalized(effects, FinalizeConfig(withholds_words=True))

    assert call.unserved_language == "gsw"
    assert call.metrics.words > 0


def _stated(message: Message, language: str) -> Message:
    """Return a message; the last of a call with a language that is not served."""
    if not isinstance(message, CallTurnsComplete):
        return message
    summary = msgspec.structs.replace(message.summary, unserved_language=language)
    return msgspec.structs.replace(message, summary=summary)


def test_without_the_setting_the_finalized_call_has_them_and_says_so() -> None:
    effects = drive(
        CallTurns(CALL_ID, DOUBTFUL), with_confidence(CALL, {AGENT: 0.95, CUSTOMER: 0.15})
    )

    call = finalized(effects, FinalizeConfig())
    assert call.unserved_language == "und"
    assert [turn.text for turn in call.turns].count(GIBBERISH) == 6


def finalized(effects: Sequence[Effect], config: FinalizeConfig) -> FinalizedCall:
    machine = CallFinalizer(CALL_ID, config)
    messages = [effect.message for effect in effects if isinstance(effect, Emit)]
    for offset, message in enumerate(messages):
        for effect in machine.feed(message, offset):  # type: ignore[arg-type]
            if isinstance(effect, Emit) and isinstance(effect.message, FinalizedCall):
                return effect.message
    raise AssertionError("the call was not finalized")

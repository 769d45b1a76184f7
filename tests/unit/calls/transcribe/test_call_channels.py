"""What a call's channels cost and keep, and when their events count."""

from schemas.audio import AudioTopicMessage, CallStalled
from stream_app.calls.effects import Commit
from stream_app.calls.transcribe.segmenter import Activity
from stream_app.calls.transcribe.segmenter.channel import EarlyEvents
from tests.support.calls.recorded_calls import call_started, recorded_chunks, transcriber


def activity(at_ms: int) -> Activity:
    return Activity("tick", at_ms, is_speech=True, silence_ms=0, since_ms=0)


def test_an_event_behind_what_was_heard_waits_until_that_is_heard() -> None:
    """It belongs to the later input, and so do the facts in force then."""
    early = EarlyEvents()

    assert early.due([activity(100), activity(400), activity(300)], 200) == [activity(100)]
    assert early.due([], 390) == []
    assert early.due([activity(500)], 400) == [activity(400), activity(300)]
    assert early.pop_all() == [activity(500)]
    assert early.due([], 600) == []


def test_a_stalled_call_keeps_no_channel_and_acknowledges_everything() -> None:
    """In the middle of speech as in silence: hours of hold hold nothing up."""
    for start_ms in (36_000, 41_000):
        machine = transcriber("c")
        chunks = recorded_chunks("c", start_ms, start_ms + 4_000, chunk_ms=200)
        stalled = CallStalled(event_id="s", call_id="c", captured_at_ns=1, after_seq=19)
        messages: list[AudioTopicMessage] = [call_started("c"), *chunks, stalled]
        effects = [
            effect
            for offset, message in enumerate(messages)
            for effect in machine.feed(message, offset)
        ]
        held = [effect for effect in machine._lane._effects._queue if isinstance(effect, Commit)]

        assert not machine._channels
        commits = [effect for effect in effects if isinstance(effect, Commit)] + held
        assert sorted(o for commit in commits for o in commit.offsets) == list(range(22))
        assert machine.is_stalled


def test_a_call_without_audio_opens_no_channel() -> None:
    machine = transcriber("c")

    machine.feed(call_started("c"), 0)

    assert not machine._channels

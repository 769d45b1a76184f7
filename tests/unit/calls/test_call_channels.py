"""What a call's channels cost and keep, and when their events count."""

from typing import Any

from schemas.audio import AudioTopicMessage, CallStalled
from stream_app.calls.call_channels import OpenChannel
from stream_app.calls.effects import Commit
from stream_app.calls.segmenter import Activity
from stream_app.calls.transcriber_state import ChannelResume
from tests.support.recorded_calls import call_started, recorded_chunks, transcriber


class FakeSegmenter:
    """Has heard so much."""

    heard_ms = 200


class FakePipeline:
    """Has a segmenter."""

    segmenter = FakeSegmenter()


def activity(at_ms: int) -> Activity:
    return Activity("tick", at_ms, is_speech=True, silence_ms=0, since_ms=0)


def test_an_event_behind_what_was_heard_waits_until_that_is_heard() -> None:
    """It belongs to the later input: the facts in force then are told with it."""
    pipeline: Any = FakePipeline()
    channel = OpenChannel(pipeline, ChannelResume())

    assert list(channel.due([activity(100), activity(400), activity(300)])) == [activity(100)]
    pipeline.segmenter.heard_ms = 390
    assert list(channel.due([])) == []
    pipeline.segmenter.heard_ms = 400
    assert list(channel.due([activity(500)])) == [activity(400), activity(300)]


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
        held = [effect for effect in machine._queue._queue if isinstance(effect, Commit)]

        assert not machine._channels
        commits = [effect for effect in effects if isinstance(effect, Commit)] + held
        assert sorted(o for commit in commits for o in commit.offsets) == list(range(22))
        assert machine.is_stalled


def test_a_call_without_audio_opens_no_channel() -> None:
    machine = transcriber("c")

    machine.feed(call_started("c"), 0)

    assert not machine._channels

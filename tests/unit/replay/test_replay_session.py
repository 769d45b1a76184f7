"""Whole replays: the messages on the topic, and bad files."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.audio import AudioChunk, CallEnded, CallHeld, CallResumed, CallStarted, DtmfPressed
from schemas.errors import BrokerError
from stream_app.replay.discovery import find_recordings
from stream_app.replay.plan import PlannedCall, plan_calls
from stream_app.replay.session import Replay, ReplayedCall, ReplayOptions
from tests.unit.replay.conftest import WriteAudio
from tests.unit.replay.replay_fakes import (
    FakeClock,
    FakeTopic,
    RecordingListener,
    tone,
    wav_bytes,
)

G711 = bytes(range(250)) * 10  # 312.5 ms


def plan(*paths: Path, copies: int = 1) -> list[PlannedCall]:
    found = find_recordings(paths, extra_suffixes=frozenset())
    return plan_calls(found.recordings, run="r", copies=copies)


def run(
    calls: Sequence[PlannedCall],
    topic: FakeTopic,
    options: ReplayOptions | None = None,
    clock: FakeClock | None = None,
) -> list[ReplayedCall]:
    replay = Replay(
        options or ReplayOptions(),
        topic,
        clock=clock or FakeClock(),
        listener=RecordingListener(),
    )
    return asyncio.run(replay.run(calls))


def write_wav(folder: Path, name: str = "call.wav", data: bytes = G711) -> Path:
    path = folder / name
    path.write_bytes(wav_bytes(data))
    return path


def test_a_call_begins_carries_its_audio_and_ends(tmp_path: Path) -> None:
    topic, clock = FakeTopic(), FakeClock()

    (outcome,) = run(plan(write_wav(tmp_path)), topic, clock=clock)

    started, *chunks, ended = topic.messages
    assert isinstance(started, CallStarted)
    assert (started.parties, started.encoding, started.sample_rate_hz) == (
        ("unknown",),
        "mulaw",
        8000,
    )
    assert [type(chunk) for chunk in chunks] == [AudioChunk] * 4
    assert isinstance(ended, CallEnded)
    assert (ended.reason, ended.after_seq) == ("completed", -1)
    assert topic.audio("call~r") == G711
    assert topic.flushes == 1
    assert outcome == ReplayedCall("call~r", 312)


def test_ids_are_the_same_whenever_a_run_is_repeated(tmp_path: Path) -> None:
    calls = plan(write_wav(tmp_path))
    first, second = FakeTopic(), FakeTopic()

    run(calls, first)
    run(calls, second, clock=FakeClock(now_ns=99))

    ids = [message.event_id for message in first.messages]
    assert ids == [message.event_id for message in second.messages]
    assert len(set(ids)) == len(ids)
    assert ids[:2] == ["call~r/call_started", "call~r/audio_chunk/0"]


def test_audio_is_captured_when_its_last_sample_is(tmp_path: Path) -> None:
    topic, clock = FakeTopic(), FakeClock()
    origin_ns = clock.wall_ns()

    run(plan(write_wav(tmp_path)), topic, ReplayOptions(speed=2.0), clock)

    stamps = [(message.captured_at_ns - origin_ns) / 1e6 for message in topic.messages]
    assert stamps == [0, 50, 100, 150, 156.25, 156.25]


def test_events_of_the_sidecar_stand_where_they_happened(tmp_path: Path) -> None:
    (tmp_path / "call.json").write_text(
        """{"events": [{"kind": "held", "at_ms": 100}, {"kind": "resumed", "at_ms": 199},
        {"kind": "dtmf", "at_ms": 310, "digit": "5"}, {"kind": "held", "at_ms": 5000}]}"""
    )
    topic = FakeTopic()

    run(plan(write_wav(tmp_path)), topic)

    kinds = [type(message) for message in topic.messages]
    assert kinds == [
        CallStarted,
        AudioChunk,
        CallHeld,
        CallResumed,
        AudioChunk,
        AudioChunk,
        DtmfPressed,
        AudioChunk,
        CallEnded,
    ]


def test_bad_files_fail_alone(tmp_path: Path) -> None:
    write_wav(tmp_path, "good.wav")
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("hello" * 100)
    (tmp_path / "cut.wav").write_bytes(wav_bytes(G711, promised=2 * len(G711)))
    topic = FakeTopic()

    outcomes = run(plan(tmp_path), topic)

    by_call = {outcome.call_id: outcome for outcome in outcomes}
    assert by_call["empty~r"].problem == f"{tmp_path / 'empty.wav'}: the file is empty"
    assert "not an audio file" in by_call["text~r"].problem
    assert not by_call["good~r"].problem
    assert by_call["cut~r"].notices[0].endswith("50 % of the audio is there and is replayed")
    assert {message.call_id for message in topic.messages} == {"good~r", "cut~r"}


def test_parties_that_do_not_fit_fail_the_call_before_it_begins(
    write_audio: WriteAudio,
) -> None:
    path = write_audio("call.wav", tone(800))
    (call,) = plan(path)
    topic = FakeTopic()

    (outcome,) = run([replace(call, parties=("agent", "customer"))], topic)

    assert outcome.problem == f"{path}: has 1 channel, but 2 parties are named"
    assert topic.messages == []


def test_many_copies_at_once_all_arrive_whole(tmp_path: Path) -> None:
    calls = plan(write_wav(tmp_path), copies=25)
    topic = FakeTopic()

    outcomes = run(calls, topic, ReplayOptions(speed=None, concurrency=10, chunk_ms=20))

    assert len(outcomes) == 25
    assert all(topic.audio(call.call_id) == G711 for call in calls)
    interleaved = [message.call_id for message in topic.messages[:100]]
    assert len(set(interleaved)) == 10


def test_a_broker_that_goes_ends_the_replay(tmp_path: Path) -> None:
    calls = plan(write_wav(tmp_path), copies=5)

    with pytest.raises(BrokerError, match="the broker is gone"):
        run(calls, FakeTopic(fails_at=7))


def test_an_interrupted_replay_ends_its_calls(tmp_path: Path) -> None:
    """Otherwise their audio would be waited for, ten minutes long."""
    calls = plan(write_wav(tmp_path))
    topic = FakeTopic()

    stuck = asyncio.Event()

    class StuckClock(FakeClock):
        async def sleep_ns(self, duration_ns: int) -> None:
            """Wait for ever after the second chunk."""
            if len(topic.messages) > 2:
                stuck.set()
                await asyncio.Event().wait()
            await super().sleep_ns(duration_ns)

    async def interrupt() -> None:
        replay = Replay(ReplayOptions(), topic, clock=StuckClock(), listener=RecordingListener())
        task = asyncio.create_task(replay.run(calls))
        await stuck.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(interrupt())

    last = topic.messages[-1]
    assert isinstance(last, CallEnded)
    assert last.reason == "failed"

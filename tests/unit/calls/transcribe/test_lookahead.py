"""Scoring many calls at once changes the cost of feeding them, and nothing else."""

from collections.abc import Sequence
from itertools import chain, zip_longest

import msgspec
import numpy as np
import pytest

from models.audio.samples import FloatArray
from models.vad.front_end import score_ahead
from models.vad.silero import Scored, SileroVad
from schemas.audio import AudioChunk, AudioTopicMessage
from stream_app.calls.effects import Commit, Effect, Emit, Infer
from stream_app.calls.transcribe.transcriber import CallTranscriber
from tests.support.calls.recorded_calls import (
    call_started,
    recorded_call,
    recorded_chunks,
    transcriber,
)

CALLS = 6


def calls() -> list[list[AudioTopicMessage]]:
    """Return the messages of calls that speak, pause and end at different times."""
    return [recorded_call(f"c{n}", n * 7_000, n * 7_000 + 9_000) for n in range(CALLS)]


def described(effects: Sequence[Effect]) -> list[object]:
    """Return what can be compared of effects: samples too, byte for byte."""
    found: list[object] = []
    for effect in effects:
        if isinstance(effect, Infer):
            request = effect.request
            found.append((request.captured_at_ns, request.samples.tobytes()))  # type: ignore[attr-defined]
        elif isinstance(effect, Emit):
            found.append(msgspec.json.encode(effect.message))
        else:
            found.append(effect.offsets if isinstance(effect, Commit) else effect)
    return found


def fed(machines: list[CallTranscriber], *, is_scored_ahead: bool) -> list[list[object]]:
    """Return what each machine says to its call, all of them fed in turns."""
    said: list[list[object]] = [[] for _ in machines]
    for offset, row in enumerate(zip_longest(*calls())):
        pairs = [(n, message) for n, message in enumerate(row) if message is not None]
        if is_scored_ahead:
            score_ahead(chain.from_iterable(machines[n].upcoming_audio(m) for n, m in pairs))
        for n, message in pairs:
            said[n] += described(machines[n].feed(message, offset))
    return said


@pytest.fixture
def frames_alone(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which each stretch that is scored alone adds its number of frames."""
    lengths: list[int] = []
    score_alone = SileroVad.probabilities

    def counted(vad: SileroVad, frames: FloatArray, state: FloatArray) -> Scored:
        lengths.append(len(frames))
        return score_alone(vad, frames, state)

    monkeypatch.setattr(SileroVad, "probabilities", counted)
    return lengths


def test_scoring_with_others_changes_no_call(frames_alone: list[int]) -> None:
    """Byte for byte; and nearly all frames are scored together with others."""
    alone = fed([transcriber(f"c{n}") for n in range(CALLS)], is_scored_ahead=False)
    of_all = sum(frames_alone)
    frames_alone.clear()

    together = fed([transcriber(f"c{n}") for n in range(CALLS)], is_scored_ahead=True)

    assert together == alone
    assert sum(frames_alone) < of_all / 2


def next_chunk() -> tuple[CallTranscriber, AudioChunk]:
    """Return a call in its first second, and its next chunk."""
    machine = transcriber("c")
    machine.feed(call_started("c"), 0)
    chunks = recorded_chunks("c", 0, 1_000)
    for offset, chunk in enumerate(chunks[:5], start=1):
        machine.feed(chunk, offset)
    return machine, chunks[5]


def test_the_next_chunk_is_announced_for_each_channel() -> None:
    machine, chunk = next_chunk()

    announced = list(machine.upcoming_audio(chunk))

    assert [len(samples) for _, samples in announced] == [800, 800]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"seq": 7, "start_ms": 700}, id="out of order"),
        pytest.param({"start_ms": 900}, id="after a gap"),
        pytest.param({"sample_rate_hz": 16_000}, id="of another rate"),
        pytest.param({"payloads": (b"\x00" * 800,)}, id="of another layout"),
        pytest.param({"encoding": "pcm16", "payloads": (b"\x00" * 801,) * 2}, id="half a sample"),
    ],
)
def test_nothing_is_announced_that_may_come_otherwise(changes: dict[str, object]) -> None:
    machine, chunk = next_chunk()

    assert not list(machine.upcoming_audio(msgspec.structs.replace(chunk, **changes)))


def test_a_chunk_that_follows_on_by_its_time_is_announced_with_any_number() -> None:
    machine, chunk = next_chunk()

    assert list(machine.upcoming_audio(msgspec.structs.replace(chunk, seq=10**9)))


def test_a_channel_without_audio_is_not_announced() -> None:
    machine, chunk = next_chunk()
    silent = msgspec.structs.replace(chunk, payloads=(b"", chunk.payloads[1]))

    ((_, samples),) = machine.upcoming_audio(silent)

    assert np.ndim(samples) == 1

"""The file beside a recording: what is misspelt is named, and its start is understood."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.audio import AudioChunk, CallEnded, CallStarted
from schemas.errors import ConfigurationError
from stream_app.replay.discovery import find_recordings
from stream_app.replay.plan import plan_calls
from stream_app.replay.session import Replay, ReplayOptions
from stream_app.replay.sidecar import Sidecar, read_sidecar
from tests.unit.replay.replay_fakes import FakeClock, FakeTopic, RecordingListener, wav_bytes

NS_PER_S = 1_000_000_000
START_NS = 1_772_370_300 * NS_PER_S  # 2026-03-01T13:05:00Z
G711 = bytes(range(250)) * 10  # 312.5 ms


def read(folder: Path, **content: Any) -> Sidecar:
    """Return what a file with this content says, its notices without the path."""
    path = folder / "call.json"
    path.write_bytes(orjson.dumps(content))
    sidecar = read_sidecar(path)
    assert all(notice.startswith(f"{path}: ") for notice in sidecar.notices)
    return sidecar


def notices(sidecar: Sidecar) -> list[str]:
    return [notice.split(": ", 1)[1] for notice in sidecar.notices]


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("langauge", "language"),
        ("Language", "language"),
        ("lang", "language"),
        ("queueWaitMs", "queue_wait_ms"),
        ("queue_wait", "queue_wait_ms"),
        ("hotwords", "hot_words"),
        ("hot-word", "hot_words"),
        ("startedAt", "started_at"),
        ("strated_at", "started_at"),
        ("agentid", "agent_id"),
        ("CallId", "call_id"),
        ("channel_partys", "channel_parties"),
        ("event", "events"),
        ("atributes", "attributes"),
    ],
)
def test_a_misspelt_field_is_named(tmp_path: Path, key: str, meant: str) -> None:
    """It stays an attribute: it may be the user's own after all."""
    sidecar = read(tmp_path, **{key: "x"})

    assert notices(sidecar) == [
        f"unknown field '{key}' is kept as an attribute; did you mean '{meant}'?"
    ]
    assert sidecar.context.attributes == {key: "x"}


def test_fields_of_the_users_own_are_attributes_without_a_word(tmp_path: Path) -> None:
    sidecar = read(tmp_path, region="north", skill=3, crm_case="A-17", tier="gold", site="b")

    assert sidecar.notices == ()
    assert len(sidecar.context.attributes) == 5


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"kind": "held", "at_mss": 1}, "event 2: unknown field 'at_mss'; did you mean 'at_ms'?"),
        ({"kind": "held", "when": 1}, "event 2: unknown field 'when'; an event has kind, at_ms,"),
        ({"kind": "hold", "at_ms": 1}, "event 2: Invalid enum value 'hold'"),
        ({"at_ms": 1}, "event 2: Object missing required field `kind`"),
        (7, "event 2: Expected `object`, got `int`"),
    ],
)
def test_a_wrong_event_is_named(tmp_path: Path, event: object, reason: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(tmp_path, events=[{"kind": "held", "at_ms": 0}, event])

    assert str(refused.value).startswith(f"{tmp_path / 'call.json'}: {reason}")
    assert "\n" not in str(refused.value)


def test_parties_have_the_names_that_the_command_takes(tmp_path: Path) -> None:
    assert read(tmp_path, parties=["Caller", "operator"]).parties == ("customer", "agent")
    with pytest.raises(ConfigurationError, match=r"call\.json: 'boss' is not a party; use agent"):
        read(tmp_path, parties=["boss"])


@pytest.mark.parametrize(
    "started_at",
    [
        "2026-03-01T13:05:00Z",
        "2026-03-01T14:05:00+01:00",
        "2026-03-01 08:05:00-05:00",
        "20260301T130500Z",
        1_772_370_300,
        1_772_370_300.0,
    ],
)
def test_a_start_is_a_time_with_its_zone_or_unix_seconds(
    tmp_path: Path, started_at: str | float
) -> None:
    sidecar = read(tmp_path, started_at=started_at)

    assert sidecar.context.started_at_ns == START_NS
    assert sidecar.context.attributes == {}
    assert sidecar.notices == ()


def test_parts_of_a_second_count(tmp_path: Path) -> None:
    expected = START_NS + 123_456_000

    assert (
        read(tmp_path, started_at="2026-03-01T13:05:00.123456Z").context.started_at_ns == expected
    )


def test_a_start_without_a_zone_is_utc_with_a_note(tmp_path: Path) -> None:
    sidecar = read(tmp_path, started_at="2026-03-01T13:05:00")

    assert sidecar.context.started_at_ns == START_NS
    assert notices(sidecar) == ["`started_at` has no time zone and is taken as UTC"]


@pytest.mark.parametrize(
    "started_at",
    [
        "yesterday",
        "",
        "13:05",
        None,
        True,
        [],
        {},
        -1,
        1e300,
        1_772_370_300_000,
        "1969-12-31",
        "9999-12-31T23:59:59Z",
    ],
)
def test_no_time_is_refused_with_an_example(tmp_path: Path, started_at: object) -> None:
    """Unix milliseconds among them."""
    with pytest.raises(ConfigurationError, match="`started_at` must be a time such as 2026-03-01T"):
        read(tmp_path, started_at=started_at)


def test_two_starts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="`started_at` and `started_at_ns`; give one"):
        read(tmp_path, started_at=1, started_at_ns=1)


@pytest.mark.parametrize("speed", [1.0, 8.0, None])
@pytest.mark.parametrize("key", ["started_at", "started_at_ns"])
def test_a_call_with_a_start_was_captured_then(
    tmp_path: Path, speed: float | None, key: str
) -> None:
    """Whenever it is replayed, and however fast; two runs are alike byte for byte."""
    start = START_NS if key == "started_at_ns" else START_NS // NS_PER_S
    runs = [replayed(tmp_path, {key: start}, speed, now_ns=now_ns) for now_ns in (1, 10**15)]

    started, *chunks, ended = runs[0]
    assert isinstance(started, CallStarted)
    assert started.context.started_at_ns == started.captured_at_ns == START_NS
    assert all(isinstance(chunk, AudioChunk) for chunk in chunks)
    since_ms = [(message.captured_at_ns - START_NS) / 1e6 for message in (*chunks, ended)]
    assert since_ms == [100, 200, 300, 312.5, 312.5]
    assert runs[0] == runs[1]


def test_a_call_without_a_start_is_captured_as_it_is_replayed(tmp_path: Path) -> None:
    started, *_ = replayed(tmp_path, {"queue": "billing"}, 1.0, now_ns=5)

    assert started.captured_at_ns == FakeClock(now_ns=5).wall_ns()


def test_measurements_of_latency_leave_the_start_aside(tmp_path: Path) -> None:
    """A call of last year would be a year late."""
    options = ReplayOptions(keeps_started_at=False)

    started, *_, ended = replayed(tmp_path, {"started_at": 1}, 1.0, now_ns=5, options=options)

    assert started.captured_at_ns == FakeClock(now_ns=5).wall_ns()
    assert isinstance(ended, CallEnded)
    assert ended.captured_at_ns - started.captured_at_ns == 312_500_000


def replayed(
    folder: Path,
    context: dict[str, Any],
    speed: float | None,
    *,
    now_ns: int,
    options: ReplayOptions | None = None,
) -> list[Any]:
    """Return the messages of a call that is replayed at a certain time."""
    (folder / "call.wav").write_bytes(wav_bytes(G711))
    (folder / "call.json").write_bytes(orjson.dumps(context))
    found = find_recordings([folder], extra_suffixes=frozenset())
    topic = FakeTopic()
    replay = Replay(
        options or ReplayOptions(speed=speed, keeps_started_at=True),
        topic,
        clock=FakeClock(now_ns=now_ns),
        listener=RecordingListener(),
    )
    asyncio.run(replay.run(plan_calls(found.recordings, run="r")))
    return topic.messages

"""Calls are found in files and folders, with what belongs to them."""

from pathlib import Path

import pytest

from schemas.base import MAX_CALL_ID
from schemas.errors import ConfigurationError
from stream_app.replay.discovery import Findings, find_recordings, paired
from stream_app.replay.formats.suffixes import UNNAMED_RAW_SUFFIXES
from stream_app.replay.plan import check_run, mint_run, plan_calls
from stream_app.replay.sidecar import TimedEvent, parse_parties, read_sidecar

NO_SUFFIXES: frozenset[str] = frozenset()


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def find(*paths: Path) -> Findings:
    return find_recordings(paths, extra_suffixes=NO_SUFFIXES)


def test_a_folder_gives_its_audio_in_order_and_one_line_about_the_rest(tmp_path: Path) -> None:
    touch(tmp_path, "b.wav", "a.FLAC", "sub/c.mp3", "a.txt", "b.txt", "b.json", ".hidden.wav")

    found = find(tmp_path)

    assert [recording.name for recording in found.recordings] == ["a", "b", "sub-c"]
    assert found.notices == (f"{tmp_path}: skipped what is not audio (2 .txt)",)


def test_a_folder_says_which_files_it_could_read_if_it_were_told_how(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "b.pcm", "c.PCM", "d.txt")

    found = find(tmp_path)
    told = find_recordings([tmp_path], extra_suffixes=UNNAMED_RAW_SUFFIXES)

    assert found.notices == (
        f"{tmp_path}: skipped what is not audio (2 .pcm, 1 .txt)",
        f"{tmp_path}: .pcm may be audio; --raw-encoding says how to read it",
    )
    assert [recording.name for recording in told.recordings] == ["a", "b", "c"]
    assert told.notices == (f"{tmp_path}: skipped what is not audio (1 .txt)",)


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    assert find(tmp_path).notices == (f"{tmp_path}: no audio files in it",)


def test_a_file_that_is_named_is_always_taken(tmp_path: Path) -> None:
    """Opening it says what is wrong with it."""
    assert [recording.name for recording in find(tmp_path / "none.txt").recordings] == ["none"]


@pytest.mark.parametrize(
    ("agent", "customer"),
    [
        ("call40_agent.flac", "call40_caller.flac"),
        ("call40-Agent.wav", "call40-Customer.wav"),
        ("call40.operator.ulaw", "call40.client.ulaw"),
    ],
)
def test_the_two_sides_of_a_call_belong_together(tmp_path: Path, agent: str, customer: str) -> None:
    touch(tmp_path, agent, customer, "call40.json", "call41_agent.wav")

    both, alone = find(tmp_path).recordings

    assert both.name == "call40"
    assert both.files == (tmp_path / agent, tmp_path / customer)
    assert both.parties == ("agent", "customer")
    assert both.sidecar == tmp_path / "call40.json"
    assert (alone.name, alone.parties) == ("call41", ("agent",))


def test_sides_in_two_folders_are_two_calls(tmp_path: Path) -> None:
    touch(tmp_path, "one/call_agent.wav", "two/call_customer.wav")

    assert len(find(tmp_path).recordings) == 2


def test_a_named_pair_is_agent_then_customer(tmp_path: Path) -> None:
    touch(tmp_path, "left.wav", "right.wav", "left.json")

    recording = paired(tmp_path / "left.wav", tmp_path / "right.wav")

    assert recording.parties == ("agent", "customer")
    assert recording.sidecar == tmp_path / "left.json"


def test_names_are_safe_in_ids_and_unique(tmp_path: Path) -> None:
    touch(tmp_path, "a/call one~1.wav", "b/call one~1.wav", "b/call one~1.flac")

    calls = plan_calls(find(tmp_path / "a", tmp_path / "b").recordings, run="r1")

    assert [call.call_id for call in calls] == [
        "call-one-1~r1",
        "call-one-1.2~r1",
        "call-one-1.3~r1",
    ]


def test_a_deep_folder_still_gives_an_id_that_a_message_may_carry(tmp_path: Path) -> None:
    """Two long names that begin alike stay apart."""
    folder = "/".join(["recordings-of-the-year"] * 10)
    touch(tmp_path, f"{folder}/one.wav", f"{folder}/two.wav")

    calls = plan_calls(find(tmp_path).recordings, run="r" * 64, copies=100)

    ids = [call.call_id for call in calls]
    assert len(set(ids)) == len(ids)
    assert max(len(call_id) for call_id in ids) <= MAX_CALL_ID


def test_copies_are_runs_of_their_own(tmp_path: Path) -> None:
    """Comparisons strip the run, and find the same call."""
    touch(tmp_path, "a.wav")

    calls = plan_calls(find(tmp_path).recordings, run="load", copies=3)

    assert [call.call_id for call in calls] == ["a~load-1", "a~load-2", "a~load-3"]


def test_a_sidecar_gives_context_parties_and_events(tmp_path: Path) -> None:
    path = tmp_path / "call.json"
    path.write_bytes(
        b"""{"call_id": "c 7", "queue_wait_ms": 900, "language": "de", "hot_words": ["Fritz"],
        "channel_parties": ["customer", "agent"], "region": "north", "skill": 3,
        "attributes": {"b": true},
        "events": [{"kind": "resumed", "at_ms": 900}, {"kind": "held", "at_ms": 100},
                   {"kind": "dtmf", "at_ms": 500, "channel": 1, "digit": "5"}]}"""
    )

    sidecar = read_sidecar(path)

    assert sidecar.context.queue_wait_ms == 900
    assert sidecar.context.hot_words == ("Fritz",)
    assert sidecar.context.attributes == {"b": "true", "region": "north", "skill": "3"}
    assert sidecar.parties == ("customer", "agent")
    assert [event.kind for event in sidecar.events] == ["held", "dtmf", "resumed"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no json", "not a JSON file"),
        (b"[1]", "must hold a JSON object"),
        (b'{"queue_wait_ms": "long"}', "queue_wait_ms"),
        (b'{"parties": ["boss"]}', "boss"),
        (b'{"events": [{"kind": "held"}]}', "at_ms"),
        (b'{"events": [{"kind": "dtmf", "at_ms": 1}]}', "digit"),
        (b'{"events": [{"kind": "held", "at_ms": -1}]}', "24 hours"),
    ],
)
def test_a_wrong_sidecar_fails_its_call_and_names_the_file(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    touch(tmp_path, "call.wav")
    (tmp_path / "call.json").write_bytes(content)

    (call,) = plan_calls(find(tmp_path).recordings, run="r")

    assert call.problem.startswith(str(tmp_path / "call.json"))
    assert reason in call.problem
    assert "\n" not in call.problem


def test_named_parties_win_over_the_sidecar(tmp_path: Path) -> None:
    touch(tmp_path, "call.wav")
    (tmp_path / "call.json").write_text('{"call_id": "c 7", "parties": ["agent", "customer"]}')
    recordings = find(tmp_path).recordings

    (call,) = plan_calls(recordings, run="r", parties=("customer", "agent"))

    assert call.call_id == "c-7~r"
    assert call.parties == ("customer", "agent")
    assert plan_calls(recordings, run="r")[0].parties == ("agent", "customer")


def test_parties_are_read_in_the_order_of_the_channels() -> None:
    assert parse_parties("caller, Agent") == ("customer", "agent")
    with pytest.raises(ConfigurationError, match="'boss' is not a party"):
        parse_parties("agent,boss")


def test_runs_are_minted_anew_and_checked() -> None:
    assert check_run(mint_run()) != mint_run()
    with pytest.raises(ConfigurationError, match="cannot be a run id"):
        check_run("a~b")


def test_a_digit_is_a_key_of_a_telephone() -> None:
    assert TimedEvent(kind="dtmf", at_ms=0, digit="#").digit == "#"
    with pytest.raises(ValueError, match="digit"):
        TimedEvent(kind="dtmf", at_ms=0, digit="12")

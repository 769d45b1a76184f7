"""What is made of the files that people bring, and what is told of those that cannot be used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.analytics.guide import load_guide
from models.analytics.temporal import CallCalendar
from models.analytics.turns import SpokenTurn
from tests.support.analytics.own_files import ANALYSIS, CONTEXT, LINES, OwnFolders, lines_of
from training.analytics.sources.analyses import read_analysis
from training.analytics.sources.protocol import Found, LeftOut, Reading, UnusableError
from training.analytics.sources.readers import read_source
from training.analytics.sources.recipe import Analysed, ChatML
from training.analytics.sources.transcripts import from_lines, read_transcript

if TYPE_CHECKING:
    from pathlib import Path

GUIDE = load_guide("contact-centre")
TEXT = "\n".join(LINES)
SAID = [line.split(": ", 1) for line in LINES]


@pytest.fixture
def own(tmp_path: Path) -> OwnFolders:
    return OwnFolders(tmp_path)


def _read(root: Path, source: Analysed | ChatML) -> tuple[list[Found], list[LeftOut]]:
    every = list(read_source(Reading("own", source, root, GUIDE, CallCalendar(), 7)))
    found = [each for each in every if isinstance(each, Found)]
    return found, [each for each in every if isinstance(each, LeftOut)]


def _own(root: Path) -> tuple[list[Found], list[LeftOut]]:
    return _read(root, Analysed("transcripts", "analyses"))


def test_windows_line_ends_and_a_mark_of_its_encodings_change_nothing(
    own: OwnFolders, tmp_path: Path
) -> None:
    windows = TEXT.replace("\n", "\r\n")
    own.add("unix", TEXT, ANALYSIS)
    own.add("windows", windows.encode("utf-8-sig"), ANALYSIS)
    own.add("utf16", windows.encode("utf-16"), ANALYSIS)

    found, left_out = _own(tmp_path)

    assert left_out == []
    assert len({each.example.turns for each in found}) == 1
    assert found[0].example.turns[1] == SpokenTurn("customer", LINES[1].partition(": ")[2])


def test_what_cannot_be_used_is_told_with_file_and_reason(own: OwnFolders, tmp_path: Path) -> None:
    own.add("good", TEXT, ANALYSIS)
    own.add("empty", "", ANALYSIS)
    own.add("binary", b"\xff\xfe\xfd\x80 nothing", ANALYSIS)
    own.add("no_speakers", "hello there", ANALYSIS)
    own.add("short", "\n".join(LINES[:3]), ANALYSIS)
    own.add("broken", TEXT, '{"csat": 80')
    own.add("list", TEXT, "[]")
    own.add("above", TEXT, {**ANALYSIS, "csat": 130})
    own.add("words", TEXT, {**ANALYSIS, "churn_risk": "high"})
    own.add("nothing", TEXT, {"remarks": "none"})
    own.add("turn", TEXT, {**ANALYSIS, "evidence": {"csat": 5}})
    own.put(own.transcripts / "alone.txt", TEXT.encode())
    own.put(own.analyses / "lost.json", json.dumps(ANALYSIS).encode())

    found, left_out = _own(tmp_path)

    reasons = {each.where.rpartition("/")[2]: each.reason for each in left_out}
    assert [each.example.id for each in found] == ["own/good"]
    assert reasons == {
        "alone.txt": "it has no analysis",
        "lost.json": "it has no transcript",
        "empty.txt": "it is empty",
        "binary.txt": reasons["binary.txt"],
        "no_speakers.txt": "its first line does not begin with 'Agent:' or 'Customer:'",
        "short.json": "it has 3 turns; the guide asks for 4",
        "broken.json": reasons["broken.json"],
        "list.json": "it is no JSON object",
        "above.json": "csat: 130 is not from 0 to 100",
        "words.json": "churn_risk: 'high' is no number",
        "nothing.json": "it says nothing that the guide knows: see the keys in the docs",
        "turn.json": "evidence: turn 5; the call has 4",
    }


def test_a_call_in_two_folders_is_one_where_the_files_agree(
    own: OwnFolders, tmp_path: Path
) -> None:
    own.add("same", TEXT, ANALYSIS)
    own.put(own.transcripts / "archive" / "same.txt", TEXT.encode())
    own.add("other", TEXT, ANALYSIS)
    own.put(own.transcripts / "archive" / "other.txt", lines_of("Ana").encode())

    found, left_out = _own(tmp_path)

    assert [each.example.id for each in found] == ["own/same"]
    assert len(left_out) == 1
    assert "the same name and another content" in left_out[0].reason


def test_what_is_not_ascii_stays_as_it_is(own: OwnFolders, tmp_path: Path) -> None:
    said = "Customer: Żółć, naïve 日本語 😀 — it's broken"
    own.add("née", "\n".join((LINES[0], said, *LINES[2:])), ANALYSIS)

    found, _ = _own(tmp_path)

    assert found[0].example.id == "own/née"
    assert found[0].example.turns[1].text == said.partition(": ")[2]


def test_the_day_of_the_week_is_corrected_and_told(own: OwnFolders, tmp_path: Path) -> None:
    own.add("call", CONTEXT + TEXT, ANALYSIS)

    found, _ = _own(tmp_path)

    assert found[0].example.context.day_of_week == "Thursday"
    assert found[0].example.context.business_hours is True
    assert found[0].example.context.peak_season is False
    assert found[0].example.context.queue_wait_time_seconds == 120
    assert [(each.kind, each.text) for each in found[0].remarks] == [
        ("day_of_week corrected", "2026-01-15 14:30:00 is Thursday, not Wednesday")
    ]


@pytest.mark.parametrize(
    "content",
    [
        {"conversation": [{"speaker": who, "text": said} for who, said in SAID]},
        {"messages": [{"role": who, "content": said} for who, said in SAID]},
        {"transcript": TEXT, "metadata": {"timestamp": "2026-01-15T13:30:00Z"}},
    ],
)
def test_json_transcripts_may_have_turns_or_a_text(content: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "call.json"
    path.write_text(json.dumps(content), "utf-8")

    assert read_transcript(path, CallCalendar()).turns == from_lines(TEXT).turns


def test_a_line_without_a_speaker_goes_on_with_the_turn_before() -> None:
    turns = from_lines("Agent: One\nmoment: please\n\nCustomer: yes").turns

    assert [(each.party, each.text) for each in turns] == [
        ("agent", "One moment: please"),
        ("customer", "yes"),
    ]


def test_names_that_the_guide_lacks_make_their_task_unknown_and_are_told() -> None:
    answered = read_analysis(
        {
            "primary_category": "Gardening",
            "csat": None,
            "churn_risk": 42,
            "coaching_recommendations": ["Smile more", "interrupts"],
            "scorecard": {"greeting": "yes"},
        },
        GUIDE,
        4,
    )

    assert answered.tasks == ("csat", "churn")
    assert answered.analysis.csat is None
    assert answered.analysis.churn
    assert answered.analysis.churn.score == 40
    assert {each.kind: each.text for each in answered.remarks} == {
        "coaching_recommendations: not in the guide": "Smile more",
        "primary_category: not in the guide": "Gardening",
        "scorecard: a question is missing": (
            "identity, restates, next step, anything else, farewell"
        ),
        "churn_risk: rounded to steps of 5": "42",
    }


def test_a_recommendation_may_be_written_as_the_guide_advises() -> None:
    fault = GUIDE.faults[1]
    written = [{"recommendation": fault.recommendation, "turn": 3}, "No-Greeting"]

    answered = read_analysis({"coaching_recommendations": written}, GUIDE, 4)

    assert [(each.name, each.turns) for each in answered.analysis.faults] == [
        ("no greeting", ()),
        (fault.name, (2,)),
    ]


_WORDS = st.sampled_from(["", "high", "yes", "NO", "refund_ed", "rude", "fault", "answer", "turn"])
_SCALARS = st.sampled_from([None, True, False, -1, 0, 3, 5, 100, 101, 2.5, 1e300]) | _WORDS
_VALUES = (
    _SCALARS
    | st.lists(_SCALARS | st.dictionaries(_WORDS, _SCALARS, max_size=3), max_size=3)
    | st.dictionaries(_WORDS, _SCALARS, max_size=3)
)


@given(
    content=st.dictionaries(
        st.sampled_from([*ANALYSIS, "scorecard", "evidence"]), _VALUES, max_size=9
    )
)
def test_whatever_stands_in_an_analysis_is_read_or_refused(content: dict[str, Any]) -> None:
    try:
        answered = read_analysis(content, GUIDE, 4)
    except UnusableError:
        return
    assert answered.tasks


def test_chat_messages_and_texts_are_read_back(tmp_path: Path) -> None:
    messages = [
        {"role": "user", "content": CONTEXT + TEXT},
        {"role": "assistant", "content": json.dumps(ANALYSIS)},
    ]
    text = f"<|user|>\n{CONTEXT}{TEXT}\n\n<|assistant|>\n{json.dumps(ANALYSIS)}"
    rows = [json.dumps({"messages": messages}), json.dumps({"text": text}), "{}", "nonsense"]
    (tmp_path / "train_chatml.jsonl").write_text("\r\n".join(rows), "utf-8")

    found, left_out = _read(tmp_path, ChatML("train_chatml.jsonl", split="test"))

    assert [each.split for each in found] == ["test", "test"]
    assert found[0].example.turns == found[1].example.turns == from_lines(TEXT).turns
    assert found[0].example.analysis == found[1].example.analysis
    assert [each.where.rpartition(", ")[2] for each in left_out] == ["line 3", "line 4"]

"""The report on live answers: windows, files, and what is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
import typer

from models.classification.corrections import latest_corrections
from stream_app.cli.commands.models.drift import print_report, windows_of, write_report
from stream_app.cli.moments import parse_moment
from stream_app.drift.report import LiveReport, Windows, make_report
from stream_app.live.whole_topics import Stamped
from tests.support.models.classified_calls import SHOP, answered, corrected

if TYPE_CHECKING:
    from pathlib import Path

WINDOWS = Windows(reference=(0, 1_000), recent=(1_000, 2_000))
NEW = "shop2@bbbbbbbb"


def report() -> LiveReport:
    """Return a report: half of the recent calls are about what none was before."""
    messages = [Stamped(answered(f"r{n}", "Broken", 0.9), n) for n in range(400)]
    for n in range(200):
        subject = "Refund" if n % 2 else "Broken"
        messages.append(Stamped(answered(f"n{n}", subject, 0.9), 1_000 + n))
        shadow = answered(f"n{n}", "Broken", 0.7, model=NEW, is_shadow=True)
        messages.append(Stamped(shadow, 1_001 + n))
    messages.append(Stamped(answered("later", "Late"), 2_000))
    messages.append(Stamped(answered("else", "Late", label_set="helpline-1"), 1_500))
    corrections = latest_corrections(
        [corrected(f"n{n}", "subject", "Refund") for n in (1, 2)], SHOP
    )
    return make_report(messages, corrections, SHOP, WINDOWS)


def test_each_answer_is_in_the_window_of_its_time_and_of_its_label_set() -> None:
    found = report()

    assert found.calls == (400, 200)
    assert found.models == ("shop1@aaaaaaaa",)
    assert found.drift.tasks["subject"].recent_labels == {"Broken": 100, "Refund": 100}


def test_shift_agreement_and_corrections_are_reported() -> None:
    found = report()

    assert found.look_at == ("labels of subject",)
    assert found.agreement is not None
    assert found.agreement.tasks["subject"].share == 0.5
    assert len(found.agreement.disagreements) == 100
    assert found.corrected["shop1@aaaaaaaa"]["subject"].count == 1
    assert found.corrected[NEW]["subject"].count == 0


def test_after_promotion_and_backfill_both_models_are_still_told_apart() -> None:
    """Each is scored on its own answers, and rules are no model."""
    messages = [
        Stamped(answered("a", "Broken"), 100),
        Stamped(answered("a", "Late", model=NEW, is_shadow=True), 1_100),
        Stamped(answered("a", "Broken"), 1_100),
        Stamped(answered("a", "Late", model=NEW), 1_200),
        Stamped(answered("b", model="", abstained="no_model"), 1_300),
    ]
    corrections = latest_corrections([corrected("a", "subject", "Late")], SHOP)

    found = make_report(messages, corrections, SHOP, WINDOWS)

    assert found.agreement is not None
    assert found.agreement.tasks["subject"].share == 0.0
    assert found.models == (NEW,)
    scores = {
        model: (one["subject"].count, one["subject"].calls)
        for model, one in found.corrected.items()
    }
    assert scores == {"shop1@aaaaaaaa": (0, 1), NEW: (1, 1)}


def test_a_label_counts_by_its_present_name_whichever_version_gave_it() -> None:
    """A new name is no shift, no disagreement and no error; a label that is no more stays."""
    messages = [
        Stamped(answered("r", "defect", label_set="shop-1"), 100),
        Stamped(answered("a", "defect", label_set="shop-1"), 1_100),
        Stamped(answered("a", "Broken", model=NEW, is_shadow=True), 1_100),
        Stamped(answered("b", "Lost", label_set="shop-1"), 1_200),
    ]
    corrections = latest_corrections([corrected("a", "subject", "Broken")], SHOP)

    found = make_report(messages, corrections, SHOP, WINDOWS)

    assert found.drift.tasks["subject"].reference_labels == {"Broken": 1}
    assert found.drift.tasks["subject"].recent_labels == {"Broken": 1, "Lost": 1}
    assert found.agreement is not None
    assert found.agreement.tasks["subject"].share == 1.0
    assert found.corrected["shop1@aaaaaaaa"]["subject"].share == 1.0


def test_the_files_are_json_and_a_figure(tmp_path: Path) -> None:
    paths = list(write_report(report(), tmp_path / "drift"))

    content = orjson.loads(paths[0].read_bytes())
    assert content["look_at"] == ["labels of subject"]
    assert paths[1].read_bytes().startswith(b"\x89PNG")


def test_a_report_without_any_answer_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = make_report((), latest_corrections((), SHOP), SHOP, WINDOWS)

    print_report(empty)

    assert len(list(write_report(empty, tmp_path))) == 2
    assert "0 calls by no model" in capsys.readouterr().out


def test_what_is_printed_names_calls_and_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(report())

    printed = capsys.readouterr().out
    assert "look at: labels of subject" in printed
    assert "n1  subject: Refund, shadow: Broken" in printed
    assert ".. and 80 more" in printed
    assert "shop1@aaaaaaaa  subject: 1 of 2 corrected calls right" in printed


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("90m", 1_000_000_000 - 90 * 60_000),
        ("2w", 1_000_000_000 - 14 * 86_400_000),
        ("1970-01-02", 86_400_000),
        ("1970-01-02T01:00+01:00", 86_400_000),
    ],
)
def test_a_moment_is_a_time_ago_or_a_date(text: str, at_ms: int) -> None:
    assert parse_moment(text, 1_000_000_000) == at_ms


@pytest.mark.parametrize("text", ["", "yesterday", "5", "7y", "2026-13-01"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="no moment"):
        parse_moment(text, 0)


def test_the_reference_window_is_as_long_and_just_before() -> None:
    now = 10 * 86_400_000

    assert windows_of("2d", "1d", "", now) == Windows(
        (7 * 86_400_000, 8 * 86_400_000), (8 * 86_400_000, 9 * 86_400_000)
    )
    with pytest.raises(typer.BadParameter, match="must be before"):
        windows_of("1d", "2d", "", now)

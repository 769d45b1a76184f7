"""Corrections from the command line, on each kind of broker."""

import orjson
import pytest

from stream_app.settings import Settings
from tests.support.models.classified_calls import SHOP_TOML
from tests.support.system.command_line import callstream

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
CALLS = [f"call-{number}" for number in range(3)]


def test_corrections_are_listed_as_they_hold(
    any_broker: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Three calls on several partitions, the first corrected again."""
    kafka, label_set = any_broker.kafka, tmp_path_factory.mktemp("label_set") / "shop.toml"
    label_set.write_text(SHOP_TOML)
    options = ("--label-set", str(label_set), "--task", "subject", "--by", "Ann")

    written = [
        callstream(kafka, "feedback", "correct", call_id, *options, "--label", label)
        for call_id, label in (*((each, "late") for each in CALLS), (CALLS[0], "DEFECT"))
    ]
    refused = callstream(kafka, "feedback", "correct", CALLS[0], *options, "--label", "Lost")
    held = callstream(kafka, "feedback", "list", "--json")
    every = callstream(kafka, "feedback", "list", "--json", "--all")
    table = callstream(kafka, "feedback", "list")

    assert [each.returncode for each in written] == [0] * 4, written
    assert written[-1].stdout == "call-0: subject is Broken\n"
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "Broken, Late, Refund" in refused.stderr
    rows = [orjson.loads(line) for line in held.stdout.splitlines()]
    assert [(row["call_id"], row["labels"]) for row in rows] == [
        ("call-1", ["Late"]),
        ("call-2", ["Late"]),
        ("call-0", ["Broken"]),
    ]
    assert len(every.stdout.splitlines()) == 4
    assert table.stdout.split("\n")[0].split()[:2] == ["call", "label"]


def test_a_correction_names_what_holds_or_that_nothing_does(any_broker: Settings) -> None:
    options = ("--label-set", "helpline", "--task", "sub_category", "--by", "Ann")

    result = callstream(any_broker.kafka, "feedback", "correct", "call-9", *options)

    assert result.returncode == 2
    assert "--none" in result.stderr

"""`callstream demo --call real`: a call between two people, through everything, by the default."""

import os
import subprocess

import orjson
import pytest

from tests.support.system.command_line import CALLSTREAM

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
LIMIT_S = 400.0
LEAST_WORDS = 100  # two people talk for a minute and a half
EXPECTED = {"transcript_final.v1", "turn_ended.v1", "finalized_call.v1", "demo_report.v1"}


def test_the_real_call_is_heard_by_the_bundled_weights_and_has_no_word_error_rate() -> None:
    answer = subprocess.run(
        [CALLSTREAM, "demo", "--call", "real", "--speed", "max", "--json"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr[-3000:].decode()
    messages = [orjson.loads(line) for line in answer.stdout.splitlines()]
    assert {message.get("schema") for message in messages} >= EXPECTED
    (call,) = [each for each in messages if each.get("schema") == "finalized_call.v1"]
    assert call["call_id"].startswith("real-call~")
    assert {turn["channel"] for turn in call["turns"]} == {0, 1}
    assert call["metrics"]["words"] > LEAST_WORDS
    (report,) = [each for each in messages if each.get("schema") == "demo_report.v1"]
    assert "word_error_rate" not in report

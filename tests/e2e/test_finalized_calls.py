"""`callstream benchmark finalized-calls`: callers through broker and agents, scored."""

import os
import subprocess
from pathlib import Path

import orjson
import pytest

from tests.support.calls.bank_callers import write_bank_callers
from tests.support.models.micro import MICRO
from tests.support.system.command_line import CALLSTREAM

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
LIMIT_S = 300.0
MOST_ERRORS = 0.5  # far above what the small weights make of the bundled call's voices


@pytest.mark.parametrize("time_line", ["rebuilt", "as-recorded"])
def test_the_words_of_finalized_calls_are_scored_against_what_callers_say(
    tmp_path: Path, time_line: str
) -> None:
    callers = write_bank_callers(tmp_path / "data" / "speech" / "harper_valley")
    out = tmp_path / "out"

    options = ["--data", str(tmp_path / "data"), "--time-line", time_line, "--out", str(out)]

    answer = subprocess.run(
        [CALLSTREAM, "benchmark", "finalized-calls", "--model", MICRO, *options],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr[-3000:]
    report = orjson.loads((out / "finalized_calls.json").read_bytes())
    assert report["played"]["complete_calls"] == len(callers)
    assert not report["played"]["dead_letters"]
    (found,) = report["sets"]
    assert [party["said"] for party in found["parties"]] == [caller.text for caller in callers]
    assert all(party["heard"] for party in found["parties"])
    assert found["word_error_rate"]["rate"] < MOST_ERRORS
    assert f"{len(callers)} of {len(callers)} calls complete" in answer.stdout

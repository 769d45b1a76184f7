"""The benchmark of live calls beside call analytics, on the embedded broker."""

from pathlib import Path

import pytest

from benchmarks.beside.measurement import KINDS, BesideOptions, measure, table
from benchmarks.live.session import LiveOptions, LiveSession
from schemas.errors import CallstreamError
from stream_app.demo.session import DEMO_CALL
from tests.support.analytics.word_analyst import GUIDE
from tests.support.system.analyze_agents import OF_CALLS

LIVE = LiveOptions(recording=DEMO_CALL, seconds=10.0)


@pytest.mark.e2e
def test_rounds_alone_and_beside_a_busy_agent_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model of the agent answers from words."""
    monkeypatch.setenv("CALLSTREAM_ANALYTICS__MODELS", f"{GUIDE.name}={tmp_path / 'away'}")
    options = BesideOptions(calls=2, rounds=2, agent=OF_CALLS)

    report = measure(LIVE, options, out=tmp_path)

    finals = report["delays"]["final"]
    assert finals["alone"]["count"] > 0
    assert finals["beside"]["count"] > 0
    assert finals["longer"]["p95"]["low"] <= finals["longer"]["p95"]["high"]
    assert len(report["rounds"]) == len(report["analysed"]) == 2
    assert all(done["calls"] > 10 and not done["abstained"] for done in report["analysed"])
    assert table(report).row_count <= 2 * len(KINDS)
    assert (tmp_path / "beside.json").is_file()


@pytest.mark.e2e
def test_an_agent_without_a_model_is_no_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told before any call is played beside it."""

    async def played(_: LiveSession, __: int) -> None:
        raise AssertionError("calls were played")

    monkeypatch.setattr(LiveSession, "observe", played)
    monkeypatch.setenv("CALLSTREAM_ANALYTICS__MODELS", f"{GUIDE.name}={tmp_path / 'missing'}")

    with pytest.raises(CallstreamError, match="without findings: callstream models fetch"):
        measure(LIVE, BesideOptions(calls=1, rounds=1), out=tmp_path)

"""The whole benchmark on one short call, with a tiny model and a small recognizer."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from stream_app.cli.app import app
from tests.support.models.micro import MICRO
from tests.support.models.tiny_turns import write_turn_model
from training.asr.synthesis.espeak import Espeak
from training.asr.synthesis.flite import Flite
from training.asr.synthesis.speech import SynthesiserMissingError


@pytest.mark.slow
def test_one_command_measures_all_systems_on_the_same_audio(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CALLSTREAM_ASR__MODEL", MICRO)
    try:
        Flite(), Espeak()
    except SynthesiserMissingError as error:
        pytest.skip(str(error))
    write_turn_model(tmp_path / "model")
    options = ["--model", str(tmp_path / "model"), "--calls", "1", "--turns", "3"]
    folders = ["--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]

    result = CliRunner().invoke(
        app, ["benchmark", "turn-timing", *options, *folders, "--no-smart-turn"]
    )

    assert result.exit_code == 0, result.output
    report = orjson.loads((tmp_path / "out" / "turn_timing.json").read_bytes())
    assert (tmp_path / "out" / "turn_timing.png").is_file()
    assert list(report["sets"]) == ["synthetic", "demo_call"]
    systems = {row["system"] for row in report["sets"]["synthetic"]["systems"]}
    assert systems == {
        "silence",
        "callstream",
        "callstream, no entity hold",
        "callstream, true words",
    }
    assert report["wall_ms"]["callstream"]["count"] > 0
    assert "earnings22_aligned" in " ".join(report["skipped"])
    assert str(tmp_path) not in orjson.dumps(report).decode()

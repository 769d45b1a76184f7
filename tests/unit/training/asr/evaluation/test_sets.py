"""The evaluation of weights on every set, by its command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from tests.support.speech_training.tone_speech import tone_recording
from training.asr.evaluation import sets
from training.asr.scratch.export import export_checkpoint
from training.asr.scratch.run import train
from training.asr.speech.utterances import SAMPLE_RATE_HZ, write_shard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typer.testing import Result

    from training.asr.scratch.recipe import Recipe
    from training.asr.speech.folders import SpeechFolders


@pytest.fixture
def demo_call(tmp_path: Path) -> Path:
    """A call of two channels in which the second one says something."""
    folder = tmp_path / "call"
    folder.mkdir()
    samples = tone_recording("hello there", source="espeak").samples
    audio = np.zeros((len(samples) + SAMPLE_RATE_HZ, 2), np.float32)
    audio[: len(samples), 1] = samples
    soundfile.write(folder / "call.wav", audio, SAMPLE_RATE_HZ)
    utterance = {
        "channel": 1,
        "party": "customer",
        "start_ms": 0,
        "end_ms": len(samples) * 1000 // SAMPLE_RATE_HZ,
        "words": [{"text": "hello"}, {"text": "there"}],
    }
    (folder / "reference.json").write_text(json.dumps({"utterances": [utterance]}), "utf-8")
    return folder


@pytest.fixture
def weights(data_folders: SpeechFolders, tiny_recipe: Recipe, tmp_path: Path) -> Path:
    """Weights that know nothing, exported."""
    checkpoint = train(tiny_recipe, data_folders, tmp_path / "run", resume=False)
    return tmp_path / "weights" / export_checkpoint(checkpoint, tmp_path / "weights").file


def test_what_is_missing_is_said_before_anything_is_measured(
    run_train: Callable[..., Result], data_folders: SpeechFolders, demo_call: Path, tmp_path: Path
) -> None:
    """The card, then the unheard voices; by both commands."""
    weights = tmp_path / "weights.pt"
    common = [weights, "--data", data_folders.data, "--work", data_folders.work]
    evaluate = ["asr-evaluate", *common, "--demo-call", demo_call]

    for command in (evaluate, ["asr-calibrate", *common]):
        result = run_train(*command, "--write")
        assert result.exit_code == 1
        assert f"no card {weights.with_suffix('.json')}" in result.output
        result = run_train(*command)
        assert result.exit_code == 1
        assert f"{data_folders.voices} holds no speech" in result.output


def test_every_set_is_scored_and_the_card_keeps_the_figures(
    run_train: Callable[..., Result],
    data_folders: SpeechFolders,
    weights: Path,
    demo_call: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The demo call, unheard voices, each held-out corpus, and windows without speech."""
    monkeypatch.setattr(sets, "SILENT_WINDOWS", 2)
    write_shard(data_folders.voices / "000", [tone_recording("yes", source="flite")])
    write_shard(data_folders.real_test / "fsdd" / "000", [tone_recording("four", source="fsdd")])

    result = run_train(
        "asr-evaluate", weights, "--data", data_folders.data, "--work", data_folders.work,
        "--demo-call", demo_call, "--write",
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    figures = json.loads(weights.with_suffix(".json").read_text())["figures"]
    rates = figures["word_error_rates"]
    assert list(rates) == ["demo_call", "unheard_voices", "fsdd"]
    assert [rates[name]["words"] for name in rates] == [2, 1, 1]
    assert figures["no_speech"].keys() == {"without_speech", "with_speech"}
    heard = json.loads((data_folders.work / "heard" / "demo_call.json").read_text())
    assert [pair["said"] for pair in heard] == ["hello there"]
    assert "unheard_voices" in result.output

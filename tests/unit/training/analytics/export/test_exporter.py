"""A run as a version that serves: its files, its figures, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from models.analytics.manifest import load_analytics_manifest
from models.log_odds import ConfidenceLine
from models.store.manifest import verified_weights, write_manifest
from schemas.errors import ConfigurationError
from stream_app.cli.app import app
from tests.support.analytics.planted_calls import GUIDE, planted_call
from tests.support.analytics.tiny_llm import make_gguf, make_hugging_face
from training.analytics.adapters.conversion import read_adapter
from training.analytics.evaluation.results import (
    MetricResult,
    ModelResult,
    Report,
    SetResult,
    write_report_json,
)
from training.analytics.export.exporter import ExportOptions, export_adapter
from training.analytics.learning.recipe import read_analytics_recipe
from training.analytics.learning.report import REPORT_NAME
from training.analytics.learning.run import LearningExamples, learn_adapter
from training.core.errors import MissingDataError
from training.measuring.bootstrap import Figure

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
SMALL = Path("training/analytics/recipes/smollm2.toml")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run of two steps on a tiny base, which is a GGUF file."""
    folder = tmp_path_factory.mktemp("run")
    hugging_face = make_hugging_face(folder / "hf", max_position_embeddings=1024)
    base = make_gguf(hugging_face, folder / "base.gguf")
    changes = ("lora.layers=2", "learning.steps=2", "learning.validation_steps=2")
    recipe = read_analytics_recipe(SMALL, [f"base.model={base}", "learning.states=none", *changes])
    examples = LearningExamples([planted_call(n) for n in range(4)], [planted_call(5)])
    learn_adapter(recipe, examples, folder / "run")
    return folder / "run"


@pytest.fixture
def evaluation(tmp_path: Path) -> Callable[..., Path]:
    def make(guide: str = GUIDE.versioned_name) -> Path:
        figure = Figure(0.91, 0.88, 0.94)
        issue = MetricResult(title="issue", calls=400, figure=figure, target=0.9)
        measured = SetResult(
            calls=400,
            failed=0,
            invalid={},
            valid=Figure(1.0, 0.99, 1.0),
            score=0.9,
            metrics={"issue": issue},
        )
        report = Report(
            guide=guide,
            backend="llama",
            began_at="2026-01-15T00:00:00Z",
            seconds=1.0,
            seed=7,
            resamples=1000,
            machine={},
            data={},
            models={"adapter": ModelResult(model="tiny", sets={"test": measured})},
        )
        return write_report_json(tmp_path, report)

    return make


def test_a_version_has_adapter_guide_card_and_a_manifest_that_verifies(
    run: Path, evaluation: Callable[..., Path], tmp_path: Path
) -> None:
    done = CliRunner().invoke(
        app,
        [
            *("train", "analytics-export", str(run), "--out", str(tmp_path / "out")),
            *("--evaluation", str(evaluation()), "--peft"),
        ],
    )

    assert done.exit_code == 0, done.output
    manifest = load_analytics_manifest(tmp_path / "out" / "contact-centre.json")
    verified_weights(tmp_path / "out" / "contact-centre.json", manifest)
    assert (manifest.prompt_form, manifest.answer_form) == ("chat", "codes")
    assert manifest.metrics == {"valid": 1.0, "issue": 0.91}
    assert 700 < manifest.max_prompt_tokens < 1024 - 128
    assert set(manifest.other_files) == {
        "contact-centre.guide.toml",
        "contact-centre.peft/adapter_config.json",
        "contact-centre.peft/adapter_model.safetensors",
    }
    card = (tmp_path / "out" / "contact-centre.md").read_text()
    assert "91.0% (88.0-94.0)" in card
    lora = read_analytics_recipe(SMALL).lora
    assert f"rank {lora.rank}, alpha {lora.alpha:g}" in card
    assert "begins with" not in card


def test_the_card_says_that_the_run_went_on_from_another_adapter(run: Path, tmp_path: Path) -> None:
    later = shutil.copytree(run, tmp_path / "later")
    report = json.loads((later / REPORT_NAME).read_text())
    report["recipe"]["lora"]["start"] = "earlier/adapter"
    (later / REPORT_NAME).write_text(json.dumps(report))

    export_adapter(later, tmp_path, ExportOptions(precision="f16"))

    assert "an adapter of an earlier run" in (tmp_path / "contact-centre.md").read_text()


def test_the_same_adapter_keeps_what_its_confidences_were_fitted_to(
    run: Path, tmp_path: Path
) -> None:
    """It is exported again with its evaluation, which comes after that."""
    path = tmp_path / "contact-centre.json"
    export_adapter(run, tmp_path, ExportOptions(precision="f16"))
    lines = {"churn": ConfidenceLine(slope=0.5, intercept=0.1)}
    write_manifest(msgspec.structs.replace(load_analytics_manifest(path), confidences=lines), path)

    export_adapter(run, tmp_path, ExportOptions(precision="f16"))
    assert load_analytics_manifest(path).confidences == lines

    export_adapter(run, tmp_path, ExportOptions(precision="f32"))  # another file
    assert load_analytics_manifest(path).confidences == {}


def test_the_exported_adapter_is_that_of_the_run(run: Path, tmp_path: Path) -> None:
    export_adapter(run, tmp_path, ExportOptions(precision="f16", forms=("mlx",)))

    base = run.parent / "base.gguf"
    wanted = read_adapter(run / "adapter")
    for path in (tmp_path / "contact-centre.gguf", tmp_path / "contact-centre.mlx"):
        found = read_adapter(path, base)
        assert found.scale == wanted.scale
        for name, pair in wanted.pairs.items():
            np.testing.assert_allclose(found.pairs[name].b, pair.b, atol=1e-3)
    assert "exported without an evaluation" in (tmp_path / "contact-centre.md").read_text()


def test_what_does_not_belong_together_is_refused(
    run: Path, evaluation: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=r"take --precision f16, or allow it by"):
        export_adapter(run, tmp_path, ExportOptions(largest_mb=0.001))
    with pytest.raises(ConfigurationError, match="the evaluation is of the guide other-1"):
        export_adapter(run, tmp_path, ExportOptions(), evaluation("other-1"))
    with pytest.raises(MissingDataError, match=r"report\.json is not there"):
        export_adapter(tmp_path / "none", tmp_path, ExportOptions())
    assert not (tmp_path / "contact-centre.json").exists()


def test_another_base_under_the_same_name_is_refused(run: Path, tmp_path: Path) -> None:
    report = msgspec.json.decode((run / "report.json").read_bytes())
    report["facts"]["base_sha256"] = "0" * 64
    (tmp_path / "report.json").write_bytes(msgspec.json.encode(report))

    with pytest.raises(ConfigurationError, match="is no longer the base"):
        export_adapter(tmp_path, tmp_path / "out", ExportOptions())

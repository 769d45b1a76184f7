"""``callstream train analytics-evaluate`` and ``analytics-keep`` with a tiny model."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import msgspec
import pytest
from typer.testing import CliRunner

from models.analytics.guide import FOLDER, load_guide
from models.analytics.manifest import FORMAT, AnalyticsManifest, load_analytics_manifest
from models.store.manifest import sha256_of, write_manifest
from stream_app.cli.app import app
from tests.support.analytics.analysed_calls import analysis, choice, example, rating
from tests.support.analytics.tiny_llm import make_hugging_face, make_peft
from training.analytics.evaluation.results import read_report
from training.analytics.evaluation.running import EvaluationOptions, sets_of
from training.analytics.export import calibrating
from training.analytics.held_out.calls import read_held_out

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with its manifest in ``model``, and the splits of a corpus in ``run/data``."""
    root = tmp_path_factory.mktemp("analytics")
    base = make_hugging_face(root / "base", max_position_embeddings=2_048)
    model = root / "model"
    make_peft(base, model / "peft")
    shutil.copy(FOLDER / "contact-centre.toml", model / "guide.toml")
    files = [path for path in (model / "peft").iterdir() if path.is_file()]
    manifest = AnalyticsManifest(
        name="tiny",
        format=FORMAT,
        file="guide.toml",
        sha256=sha256_of(model / "guide.toml"),
        other_files={f"peft/{path.name}": sha256_of(path) for path in files},
        base=str(base),
        guide_file="guide.toml",
        peft_folder="peft",
    )
    write_manifest(manifest, model / "tiny.json")
    target = analysis(category=choice("Cards", 1), quality=rating(70), csat=rating(60, 3))
    for split, count in (("train", 4), ("validation", 2), ("test", 4)):
        calls = [example(target, name=f"{split}{number}") for number in range(count)]
        path = root / "run" / "data" / f"{split}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.Encoder().encode_lines(calls))
    return root


def run(command: str, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["train", command, *map(str, arguments)])


def test_a_report_is_written_with_the_base_beside_the_adapter(folder: Path) -> None:
    out = folder / "out"
    result = run(
        *("analytics-evaluate", folder / "model", "--data", folder / "run", "--out", out),
        *(
            "--backend",
            "transformers",
            "--samples",
            2,
            "--generations",
            2,
            "--perplexity",
            "--held-out",
        ),
    )

    assert result.exit_code == 0, result.output
    found = read_report(out)
    assert {kind: each.sets["test"].calls for kind, each in found.models.items()} == {
        "adapter": 2,
        "base": 2,
    }
    assert [each.sets["test"].valid.value for each in found.models.values()] == [1.0, 1.0]
    assert found.models["adapter"].generations is not None
    assert found.models["adapter"].generations.valid.value == 1.0
    for each in found.models.values():
        assert each.perplexity is not None
        assert each.perplexity.answer.calls == 2
        assert 1 < each.perplexity.sampled.tokens < each.perplexity.answer.tokens
    assert "## base" in (out / "report.md").read_text("utf-8")
    assert list((out / "figures").glob("*.png"))

    compared = run("analytics-evaluate", "--compare", out, "--out", folder / "compared")

    assert compared.exit_code == 0, compared.output
    assert "| figure |" in (folder / "compared" / "comparison.md").read_text("utf-8")


def test_a_set_is_added_for_noise_and_for_calls_written_by_hand(folder: Path) -> None:
    options = EvaluationOptions(samples=2, with_noise=True, with_held_out=True)

    found = sets_of(folder / "run", load_guide("contact-centre"), options)

    assert {name: len(each) for name, each in found.items()} == {
        "test": 2,
        "test with noise": 2,
        "written by hand": len(read_held_out()),
    }


def test_a_smoke_test_shows_answers(folder: Path) -> None:
    result = run(
        *("analytics-evaluate", folder / "model", "--data", folder / "run"),
        *("--backend", "transformers", "--smoke"),
    )

    assert result.exit_code == 0, result.output
    assert result.stdout.count("valid") == 3


def test_the_first_adapter_is_kept_and_the_same_again_is_not(folder: Path) -> None:
    versions = folder / "versions"
    where = ("--folder", versions, "--name", "shop", "--data", folder / "run")
    first, second = (
        run("analytics-keep", folder / "model", *where, "--backend", "transformers")
        for _ in range(2)
    )

    assert "kept as" in first.stdout, first.output
    assert "not kept: eval_score" in second.stdout, second.output
    listed = CliRunner().invoke(app, ["models", "list", "analytics", "--folder", str(versions)])
    version, alias, *_, start = listed.stdout.splitlines()[1].split()
    assert (version, alias) == ("shop1", "champion")
    assert start.startswith("tiny@")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none",), "no model of analytics"),
        (("model", "--on", "other"), "'other' is not one of"),
        (("model", "--backend", "mlx"), "no adapter for the back-end mlx"),
        ((), "give a model"),
        (("--compare", "nothing"), "is not there"),
    ],
    ids=str,
)
def test_what_is_wrong_is_one_line_and_exit_code_2(
    folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    model = [folder / each if each in {"none", "model"} else each for each in arguments]

    result = run("analytics-evaluate", *model, "--data", folder / "run")

    assert result.exit_code == 2, result.output
    assert words in result.stderr


def test_an_empty_split_is_one_line_and_exit_code_2(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run", tmp_path / "run")
    (tmp_path / "run" / "data" / "test.jsonl").write_text("")

    result = run("analytics-evaluate", folder / "model", "--data", tmp_path / "run")

    assert result.exit_code == 2
    assert "test.jsonl has no calls" in result.stderr
    assert result.stderr.count("\n") == 1


def test_too_few_validation_calls_give_no_confidences(folder: Path) -> None:
    """The manifest stays as it was."""
    before = (folder / "model" / "tiny.json").read_bytes()

    done = run(
        "analytics-calibrate",
        folder / "model",
        "--data",
        folder / "run",
        "--backend",
        "transformers",
    )

    assert done.exit_code == 2
    assert "too few validation calls: a task needs 50 answers" in " ".join(done.output.split())
    assert (folder / "model" / "tiny.json").read_bytes() == before


def test_validation_calls_give_an_adapter_its_confidences(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fitted to those of its tokens, also where the manifest has lines already."""
    monkeypatch.setattr(calibrating, "MIN_CLAIMS", 1)
    monkeypatch.setattr(calibrating, "MIN_OF_EACH", 0)
    model = shutil.copytree(folder / "model", tmp_path / "model")
    asked = ("analytics-calibrate", model, "--data", folder / "run", "--backend", "transformers")

    first = run(*asked)
    lines = load_analytics_manifest(model / "tiny.json").confidences
    second = run(*asked)

    assert first.exit_code == 0, first.output
    assert "calibration error" in first.output
    assert lines
    tables = [each.output.partition("calibration error")[2] for each in (first, second)]
    assert tables[0] == tables[1]
    assert load_analytics_manifest(model / "tiny.json").confidences == lines

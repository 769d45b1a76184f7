"""A training of an adapter: what it learns, writes, resumes and refuses."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from typer.testing import Result

from schemas.errors import CallstreamError
from tests.support.analytics.planted_calls import planted_call
from tests.support.analytics.tiny_llm import load_hugging_face
from training.analytics.learning.learner import AdapterLearner
from training.analytics.learning.report import CURVE_NAME, MARKDOWN_NAME, REPORT_NAME, RunReport
from training.analytics.learning.run import (
    ADAPTER_FOLDER,
    LearningExamples,
    StoppedTrainingError,
    learn_adapter,
)
from training.core.checkpoints import BEST_NAME, CHECKPOINT_NAME, read_checkpoint
from training.core.errors import MissingDataError, RecipeError

if TYPE_CHECKING:
    from training.analytics.learning.recipe import AnalyticsRecipe

Recipes = Callable[..., "AnalyticsRecipe"]
EXAMPLES = LearningExamples(
    [planted_call(number) for number in range(8)], [planted_call(number) for number in (8, 9)]
)
SHORT = (
    "learning.steps=6",
    "learning.validation_steps=2",
    "learning.checkpoint_steps=1",
    "lora.dropout=0.1",
)
LINEAR = 'lora.targets=["q_proj","k_proj","v_proj","o_proj","gate_proj","up_proj","down_proj"]'


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let this process receive SIGTERM while it takes a step."""

    def arrange(step: int) -> None:
        learn = AdapterLearner.learn

        def interrupted(self: Any, batch: Any) -> Any:
            if self.step == step - 1:
                os.kill(os.getpid(), signal.SIGTERM)
            return learn(self, batch)

        monkeypatch.setattr(AdapterLearner, "learn", interrupted)

    return arrange


def _parameters(folder: Path) -> dict[str, torch.Tensor]:
    parameters: dict[str, torch.Tensor] = read_checkpoint(folder / CHECKPOINT_NAME)["parameters"]
    return parameters


def test_a_run_learns_what_a_word_decides(recipe_of: Recipes, tmp_path: Path) -> None:
    """Category and churn risk of unseen calls follow the word that was planted in them."""
    recipe = recipe_of(
        "learning.steps=80",
        "learning.validation_steps=40",
        "learning.learning_rate=1e-2",
        "lora.layers=3",
        "lora.rank=16",
        LINEAR,
    )

    report = learn_adapter(recipe, EXAMPLES, tmp_path)

    first, best = report.validations[0], report.best
    assert first.step == 0
    assert best["validation_loss"] < 0.1 * first.loss
    assert best["right_i"] == best["right_r"] == 1.0


def test_the_written_adapter_is_that_of_the_best_validation(
    recipe_of: Recipes, tiny_base: Path, tmp_path: Path
) -> None:
    """PEFT loads it, and its matrices are those that were kept."""
    report = learn_adapter(recipe_of(*SHORT), EXAMPLES, tmp_path)

    loaded = PeftModel.from_pretrained(load_hugging_face(tiny_base), tmp_path / ADAPTER_FOLDER)

    best = read_checkpoint(tmp_path / BEST_NAME)
    assert best["step"] == report.best_step
    found = dict(loaded.named_parameters())
    for name, tensor in best["parameters"].items():
        assert torch.equal(found[name].detach(), tensor), name


def test_a_stopped_and_resumed_run_ends_like_one_that_was_not(
    recipe_of: Recipes, tmp_path: Path, stop_after: Callable[[int], None]
) -> None:
    """Bit for bit, with dropout, between two validations; SIGTERM lets the step end first."""
    recipe = recipe_of(*SHORT, "learning.checkpoint_steps=100")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    learn_adapter(recipe, EXAMPLES, whole)
    stop_after(3)

    with pytest.raises(StoppedTrainingError, match="stopped after step 3 of 6; --resume"):
        learn_adapter(recipe, EXAMPLES, broken)
    assert read_checkpoint(broken / CHECKPOINT_NAME)["step"] == 3
    report = learn_adapter(recipe, EXAMPLES, broken, resume=True)

    assert [row.step for row in report.validations] == [0, 2, 4, 6]
    expected, found = _parameters(whole), _parameters(broken)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    one, other = (read_checkpoint(each / BEST_NAME) for each in (whole, broken))
    assert one["step"] == other["step"]
    assert all(torch.equal(one["parameters"][k], v) for k, v in other["parameters"].items())


def test_a_stopped_run_can_be_finished_with_the_best_that_it_had(
    recipe_of: Recipes, stop_after: Callable[[int], None], tmp_path: Path
) -> None:
    """The report says that somebody ended it; going on is possible all the same."""
    recipe = recipe_of(*SHORT)
    stop_after(5)
    with pytest.raises(StoppedTrainingError):
        learn_adapter(recipe, EXAMPLES, tmp_path)

    report = learn_adapter(recipe, EXAMPLES, tmp_path, finish=True)

    assert (report.ended, report.facts.steps, report.facts.planned_steps) == ("stopped", 5, 6)
    assert report.best_step in {2, 4}
    assert report.best_step == min(report.validations, key=lambda row: row.loss).step
    best = read_checkpoint(tmp_path / BEST_NAME)["parameters"]
    written = load_file(tmp_path / ADAPTER_FOLDER / "adapter_model.safetensors")
    assert {name.replace(".default", "") for name in best} == set(written)
    for name, tensor in best.items():
        assert torch.equal(written[name.replace(".default", "")], tensor)
    assert learn_adapter(recipe, EXAMPLES, tmp_path, resume=True).facts.steps == 6


def test_a_run_that_never_began_cannot_be_finished(recipe_of: Recipes, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="there is no run to finish"):
        learn_adapter(recipe_of(*SHORT), EXAMPLES, tmp_path, finish=True)


def test_a_checkpoint_of_other_settings_is_not_resumed(recipe_of: Recipes, tmp_path: Path) -> None:
    learn_adapter(recipe_of(*SHORT), EXAMPLES, tmp_path)
    other = recipe_of(*SHORT, "learning.learning_rate=3e-3")

    with pytest.raises(RecipeError, match="another recipe or other examples"):
        learn_adapter(other, EXAMPLES, tmp_path, resume=True)


def test_prices_and_report_steps_do_not_hinder_a_resume(recipe_of: Recipes, tmp_path: Path) -> None:
    learn_adapter(recipe_of(*SHORT), EXAMPLES, tmp_path)

    report = learn_adapter(
        recipe_of(*SHORT, "learning.report_steps=2", "prices=[]"), EXAMPLES, tmp_path, resume=True
    )

    assert report.facts.steps == 6


def test_a_run_without_gain_ends_early(recipe_of: Recipes, tmp_path: Path) -> None:
    """A rate that spoils everything: the base stays the best, and two more validations end it."""
    recipe = recipe_of(
        "learning.steps=100",
        "learning.validation_steps=2",
        "learning.patience=2",
        "learning.learning_rate=50.0",
        "learning.warmup=0",
    )

    report = learn_adapter(recipe, EXAMPLES, tmp_path)

    assert report.ended == "patience"
    assert report.facts.steps < 100
    assert report.best_step == min(report.validations, key=lambda row: row.loss).step


def test_the_report_says_what_a_run_took(recipe_of: Recipes, tmp_path: Path) -> None:
    recipe = recipe_of(
        *SHORT,
        'lora.targets=["q_proj","k_proj","v_proj","o_proj"]',
        'prices=[{platform="here",per_hour=3600.0},{platform="there",per_hour=2.0,hours=4.0}]',
    )

    report = learn_adapter(recipe, EXAMPLES, tmp_path)

    here, there = report.costs
    assert here.is_measured
    assert here.dollars == pytest.approx(report.seconds, abs=3.7)  # hours have three decimals
    assert (there.is_measured, there.dollars) == (False, 8.0)
    rank, layers, size, keys = 8, 2, 64, 32
    assert report.trainable_parameters == layers * rank * 2 * ((size + size) + (size + keys))
    assert report.tokens_per_second > 0
    assert report.peak_memory_bytes > 1_000_000
    size = (tmp_path / ADAPTER_FOLDER / "adapter_model.safetensors").stat().st_size
    assert report.adapter_bytes == size
    written = msgspec.json.decode((tmp_path / REPORT_NAME).read_bytes(), type=RunReport)
    assert msgspec.json.encode(written) == msgspec.json.encode(report)
    markdown = (tmp_path / MARKDOWN_NAME).read_text("utf-8")
    assert "of equal losses the earlier step" in markdown
    assert "| there | 2.00 | 4.00 (by the recipe) | 8.00 |" in markdown
    assert (tmp_path / CURVE_NAME).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("lora.layers=9", r"lora\.layers: .* has 3 layers"),
        ('lora.targets=["nothing"]', r"lora\.targets"),
        ("forms.max_tokens=4096", r"forms\.max_tokens: .* reads 1024 tokens"),
        ("base.model=nowhere.gguf", "nowhere"),
        ("device=mps", "this machine has none"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused(
    recipe_of: Recipes, tmp_path: Path, change: str, complaint: str
) -> None:
    with pytest.raises(CallstreamError, match=complaint):
        learn_adapter(recipe_of(change), EXAMPLES, tmp_path)


def test_four_bits_need_cuda(recipe_of: Recipes, tmp_path: Path) -> None:
    recipe = recipe_of("base.qlora=true", "learning.states=none", "device=cpu")

    with pytest.raises(RecipeError, match=r"base\.qlora needs CUDA"):
        learn_adapter(recipe, EXAMPLES, tmp_path)


def test_a_corpus_of_another_guide_is_refused(recipe_of: Recipes, tmp_path: Path) -> None:
    other = [msgspec.structs.replace(each, guide="helpline-3") for each in EXAMPLES.train]

    with pytest.raises(RecipeError, match="the corpus is of helpline-3, not contact-centre-1"):
        learn_adapter(recipe_of(), LearningExamples(other, EXAMPLES.validation), tmp_path)


def test_no_examples_are_refused(recipe_of: Recipes, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="needs examples"):
        learn_adapter(recipe_of(), LearningExamples(EXAMPLES.train, []), tmp_path)


def test_the_command_trains_from_the_corpus_on_disk(
    run_train: Callable[..., Result], tiny_base: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for split, rows in (("train", EXAMPLES.train), ("validation", EXAMPLES.validation)):
        (data / f"{split}.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(rows))
    changes = (f"base.model={tiny_base}", "lora.layers=2", "learning.steps=2", "name=tiny")
    options = [word for change in changes for word in ("--set", change)]

    result = run_train(
        "analytics", "training/analytics/recipes/smollm2.toml", "--work", tmp_path, *options
    )

    assert result.exit_code == 0, result.output
    assert "tiny: step" in result.output
    assert (tmp_path / "tiny" / ADAPTER_FOLDER / "adapter_config.json").is_file()


def test_the_command_says_what_prepares_the_corpus(
    run_train: Callable[..., Result], tmp_path: Path
) -> None:
    result = run_train("analytics", "training/analytics/recipes/smollm2.toml", "--work", tmp_path)

    assert result.exit_code == 1
    assert "`callstream train analytics-prepare` writes it" in result.stderr

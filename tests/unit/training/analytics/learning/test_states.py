"""Cached lower states: what they hold, and that learning with them is learning without them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.nn import functional

from tests.support.analytics.planted_calls import GUIDE, planted_call
from tests.support.analytics.tiny_llm import load_hugging_face
from training.analytics.learning.base import find_base, load_tokenizer
from training.analytics.learning.learner import AdapterLearner
from training.analytics.learning.network import AdaptedNetwork, load_network
from training.analytics.learning.rows import row_writer
from training.analytics.learning.states import DiskStates, LowerStates, MemoryStates
from training.core.optimisers import Schedule

if TYPE_CHECKING:
    from training.analytics.learning.recipe import AnalyticsRecipe
    from training.analytics.learning.rows import Row

Recipes = Callable[..., "AnalyticsRecipe"]
CPU = torch.device("cpu")
SCHEDULE = Schedule(steps=10, decay_from=0, warmup_steps=0, learning_rate=1e-3)


@pytest.fixture
def rows(recipe_of: Recipes, tiny_base: Path) -> list[Row]:
    """Three calls of different length."""
    tokenizer = load_tokenizer(find_base(str(tiny_base)))
    writer = row_writer(recipe_of(), GUIDE, tokenizer)
    return [writer.row(planted_call(number, turns=4 + number)) for number in range(3)]


def _network(recipe: AnalyticsRecipe) -> AdaptedNetwork:
    return load_network(recipe, find_base(recipe.base.model), CPU)


def _learner(network: AdaptedNetwork, store: Any) -> AdapterLearner:
    return AdapterLearner(network, LowerStates(network, store, "base"), SCHEDULE, seed=1)


def _started(recipe: AnalyticsRecipe) -> AdaptedNetwork:
    """Return a network whose adapter is no longer zero, so that every matrix has a gradient."""
    network = _network(recipe)
    with torch.no_grad():
        for number, parameter in enumerate(network.trainable().values()):
            torch.manual_seed(number)
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network


def _gradients(network: AdaptedNetwork, store: Any, rows: list[Row]) -> tuple[float, Any]:
    learner = _learner(network, store)
    losses, weights = learner.weighted_losses(rows)
    loss = (losses * weights).sum() / weights.sum()
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = {}
    for name, parameter in network.trainable().items():
        assert parameter.grad is not None
        gradients[name] = parameter.grad.clone()
        parameter.grad = None
    return float(loss.detach()), gradients


def test_the_loss_is_that_of_the_whole_model_on_the_answer(
    recipe_of: Recipes, rows: list[Row], tiny_base: Path
) -> None:
    """Padding, the two parts of the layers and the choice of positions change nothing."""
    model = load_hugging_face(tiny_base)
    expected = []
    for row in rows:
        logits = model(torch.tensor([row.ids[:-1]])).logits[0, row.begin - 1 :]
        target = torch.tensor(row.ids[row.begin :])
        each = functional.cross_entropy(logits, target, reduction="none").detach()
        expected += [float(e) for e, w in zip(each, row.weights, strict=True) if w > 0]

    losses, _ = _learner(_network(recipe_of()), None).weighted_losses(rows)

    assert losses.tolist() == pytest.approx(expected, rel=1e-4)


def test_cached_states_give_the_same_loss_and_gradients(
    recipe_of: Recipes, rows: list[Row], tmp_path: Path
) -> None:
    """Computed, kept and read again; fp16 moves the last digits only."""
    network = _started(recipe_of("lora.dropout=0"))
    plain_loss, plain = _gradients(network, None, rows)

    for store in (MemoryStates(), DiskStates(tmp_path)):
        for _ in range(2):
            loss, gradients = _gradients(network, store, rows)
            assert loss == pytest.approx(plain_loss, rel=1e-3)
            for name, gradient in gradients.items():
                off = (gradient - plain[name]).norm() / plain[name].norm()
                assert off < 0.01, name


def test_a_row_is_computed_once(
    recipe_of: Recipes, rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And by itself: what shares its batch does not change its states."""
    network = _network(recipe_of())
    store = DiskStates(tmp_path)
    together = LowerStates(network, store, "base").of(rows)
    monkeypatch.setattr(network, "lower_states", lambda _: pytest.fail("computed again"))

    alone = [LowerStates(network, DiskStates(tmp_path), "base").of([row])[0] for row in rows]

    assert len(list(tmp_path.rglob("*.npy"))) == len(rows)
    for index, one in enumerate(alone):
        assert torch.equal(together[index, : len(one)], one)


def test_states_of_another_base_are_not_taken(
    recipe_of: Recipes, rows: list[Row], tmp_path: Path
) -> None:
    network = _network(recipe_of())
    for base in ("one", "other"):
        LowerStates(network, DiskStates(tmp_path), base).of(rows[:1])

    assert len(list(tmp_path.rglob("*.npy"))) == 2


def test_a_damaged_file_of_states_is_made_again(
    recipe_of: Recipes, rows: list[Row], tmp_path: Path
) -> None:
    states = LowerStates(_network(recipe_of()), DiskStates(tmp_path), "base")
    expected = states.of(rows[:1])
    (file,) = tmp_path.rglob("*.npy")
    file.write_bytes(file.read_bytes()[:100])

    assert torch.equal(states.of(rows[:1]), expected)
    assert len(file.read_bytes()) > 100


def test_only_the_upper_layers_have_an_adapter(recipe_of: Recipes) -> None:
    network = _network(recipe_of("lora.layers=2"))

    layers = {name.split(".layers.")[1].split(".")[0] for name in network.trainable()}

    assert network.lowest == 1
    assert layers == {"1", "2"}

"""The schedule, and which optimiser moves which parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
import torch

from training.asr.scratch.network import NetworkSize, SpeechNetwork
from training.asr.scratch.run import train
from training.core.checkpoints import read_checkpoint
from training.core.optimisers import Optimisers, Schedule, learning_rate_at

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal

    from training.asr.scratch.recipe import Recipe
    from training.asr.speech.folders import SpeechFolders

    Method = Literal["adamw", "muon"]


def _network() -> SpeechNetwork:
    torch.manual_seed(4)
    size = NetworkSize(width=32, heads=2, encoder_layers=2, decoder_layers=1)
    return SpeechNetwork(size, vocabulary=50, phone_sets={"espeak": 5})


def _with(recipe: Recipe, *, method: Method, steps: int = 8) -> Recipe:
    changed = msgspec.structs.replace(recipe.optimisation, method=method, steps=steps, decay_from=8)
    return msgspec.structs.replace(recipe, optimisation=changed)


@pytest.mark.parametrize("method", ["adamw", "muon"])
def test_every_parameter_has_exactly_one_optimiser(method: Method) -> None:
    """Frozen ones have none."""
    network = _network()
    frozen = network.decoder.positional_embedding
    frozen.requires_grad = False
    schedule = Schedule(steps=9, decay_from=9, method=method)

    each = Optimisers(network.named_parameters(), schedule).each

    moved = [id(p) for o in each for group in o.param_groups for p in group["params"]]
    assert len(moved) == len(set(moved))
    assert set(moved) == {id(p) for p in network.parameters()} - {id(frozen)}


def test_muon_takes_the_matrices_of_the_layers_and_nothing_else() -> None:
    """Embeddings, convolutions, heads, norms and biases are AdamW's."""
    network = _network()
    names = {id(p): name for name, p in network.named_parameters()}

    adamw, muon = Optimisers(
        network.named_parameters(), Schedule(steps=9, decay_from=9, method="muon")
    ).each

    taken = [names[id(p)] for group in muon.param_groups for p in group["params"]]
    assert isinstance(muon, torch.optim.Muon)
    assert isinstance(adamw, torch.optim.AdamW)
    assert all(".blocks." in name and name.endswith(".weight") for name in taken)
    assert len(taken) == 2 * 6 + 1 * 10
    undecayed = [names[id(p)] for p in adamw.param_groups[1]["params"]]
    assert "decoder.token_embedding.weight" in undecayed


def test_a_step_moves_by_the_rate_of_its_number() -> None:
    """At a rate of 0 nothing moves; later it does."""
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.grad = torch.ones(3)
    schedule = Schedule(steps=10, decay_from=5, warmup_steps=1, learning_rate=0.1)
    optimisers = Optimisers([("x", parameter)], schedule)

    optimisers.step(10)
    assert torch.equal(parameter.detach(), torch.ones(3))
    optimisers.step(0)
    assert torch.allclose(parameter.detach(), torch.full((3,), 0.9))


@pytest.mark.parametrize("method", ["adamw", "muon"])
def test_a_resumed_run_ends_with_the_same_parameters(
    data_folders: SpeechFolders, tiny_recipe: Recipe, tmp_path: Path, method: Method
) -> None:
    """Under either method the optimisers' memory is kept."""
    whole = _with(tiny_recipe, method=method)
    straight = train(whole, data_folders, tmp_path / "straight", resume=False)
    train(_with(tiny_recipe, method=method, steps=4), data_folders, tmp_path / "b", resume=False)
    resumed = train(whole, data_folders, tmp_path / "b", resume=True)

    expected, actual = (read_checkpoint(path)["network"] for path in (straight, resumed))
    assert all(torch.equal(expected[name], actual[name]) for name in expected)


def test_a_run_goes_on_under_another_method(
    data_folders: SpeechFolders, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    """The parameters are kept, the other method's memory begins afresh."""
    first = _with(tiny_recipe, method="adamw", steps=4)
    before = read_checkpoint(train(first, data_folders, tmp_path / "run", resume=False))
    second = _with(tiny_recipe, method="muon", steps=5)
    after = read_checkpoint(train(second, data_folders, tmp_path / "run", resume=True))

    assert (before["step"], after["step"]) == (4, 5)
    assert (len(before["optimisers"]), len(after["optimisers"])) == (1, 2)
    assert {float(state["step"]) for state in after["optimisers"][0]["state"].values()} == {1.0}
    name = "encoder.blocks.0.mlp.0.weight"
    moved = (after["network"][name] - before["network"][name]).abs().max()
    assert 0 < float(moved) < 0.01


def test_the_learning_rate_rises_holds_and_falls_to_nothing() -> None:
    """Warm-up, plateau and decay meet at their steps."""
    schedule = Schedule(steps=100, decay_from=60, warmup_steps=10, learning_rate=1.0)

    rates = [learning_rate_at(step, schedule) for step in range(100)]

    assert rates[0] == pytest.approx(0.1)
    assert rates[9:60] == [1.0] * 51
    assert rates[80] == pytest.approx(0.5)
    assert 0.0 < rates[99] < 0.05

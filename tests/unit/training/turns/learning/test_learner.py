from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
import torch

from tests.support.models.tiny_trained_turns import mobilebert_config, write_encoder
from training.text.batches import by_length, epoch_batches
from training.text.losses import best_temperature, cross_entropy
from training.turns.learning import learner as learning
from training.turns.learning.calibration import calibrate
from training.turns.learning.classifier import TurnClassifier, new_classifier
from training.turns.learning.learner import (
    LearningHistory,
    LearningPlan,
    TurnLearner,
    find_checkpoint,
    learn,
    validate,
)
from training.turns.learning.model_inputs import (
    TokenRows,
    all_logits,
    frozen_states,
)
from training.turns.learning.recipe import Learning

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from training.core.loop import StepFigures
    from training.turns.learning.model_inputs import LabelledTexts

_SETTINGS = Learning(epochs=3, batch=8, learning_rate=5e-3, checkpoint_steps=2)
_LAST = 15  # a text is complete if it ends with this token


class KilledError(Exception):
    """The process is gone."""


class Killer:
    """Ends the process after a number of steps."""

    def __init__(self, after: int) -> None:
        self.left = after

    def advanced(self, step: int, steps: int, figures: StepFigures) -> None:
        """Take note of a step."""
        assert step <= steps
        assert figures.means["loss"] > 0
        self.left -= 1
        if self.left == 0:
            raise KilledError

    def validated(self, step: int, figures: Mapping[str, float]) -> None:
        """Take note of an epoch."""
        assert step > 0
        assert 0 <= figures["validation_accuracy"] <= 1


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder"))


def _rows(count: int, seed: int) -> TokenRows:
    draw = np.random.default_rng(seed)
    rows, labels = [], []
    for index in range(count):
        words = draw.integers(16, 60, size=draw.integers(1, 12)).tolist()
        labels.append(index % 2)
        rows.append([2, *words, _LAST if index % 2 else _LAST + 1, 3])
    return TokenRows(rows, labels, padding=0)


def _plan(fingerprint: str = "same") -> LearningPlan:
    return LearningPlan(_rows(50, 1), _rows(20, 2), _SETTINGS, seed=3, fingerprint=fingerprint)


def _network(encoder: Path) -> TurnClassifier:
    torch.manual_seed(1)
    return new_classifier(encoder)


def _assert_alike(one: TurnClassifier, other: TurnClassifier) -> None:
    theirs = other.state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in one.state_dict().items())


def test_it_learns(encoder: Path, tmp_path: Path) -> None:
    """What the last word decides is learnt, and the best epoch's weights are left behind."""
    settings = msgspec.structs.replace(_SETTINGS, epochs=6, batch=16, checkpoint_steps=100)
    plan = LearningPlan(_rows(300, 1), _rows(20, 2), settings, seed=3, fingerprint="same")
    model = _network(encoder)

    outcome = learn(model, plan, tmp_path)

    best = outcome.epochs[outcome.best_epoch - 1]
    assert best.validation_accuracy == max(one.validation_accuracy for one in outcome.epochs)
    assert best.validation_accuracy > 0.9
    assert validate(model, plan.validation)[1] == best.validation_accuracy


def test_the_best_epoch_is_kept(encoder: Path, tmp_path: Path) -> None:
    """Epochs after it that made it worse leave nothing behind."""
    settings = msgspec.structs.replace(_SETTINGS, epochs=8)
    plan = LearningPlan(_rows(50, 1), _rows(20, 2), settings, seed=3, fingerprint="same")
    model = _network(encoder)

    outcome = learn(model, plan, tmp_path)

    best = outcome.epochs[outcome.best_epoch - 1]
    assert outcome.best_epoch < 8
    assert outcome.epochs[-1].rank < best.rank
    loss, accuracy = validate(model, plan.validation)
    assert (round(loss, 6), accuracy) == (best.validation_loss, best.validation_accuracy)


@pytest.fixture(scope="module")
def undisturbed(
    encoder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TurnClassifier, LearningHistory]:
    model = _network(encoder)
    return model, learn(model, _plan(), tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("steps", [1, 7, 9, 14, 21])
def test_a_killed_run_ends_with_the_same_weights(
    encoder: Path, tmp_path: Path, undisturbed: tuple[TurnClassifier, LearningHistory], steps: int
) -> None:
    """Within an epoch, at its end, before the first checkpoint and after the last step."""
    whole, expected = undisturbed
    with pytest.raises(KilledError):
        learn(_network(encoder), _plan(), tmp_path, Killer(steps))

    model = _network(encoder)
    outcome = learn(model, _plan(), tmp_path, resume=True)

    assert outcome.epochs == expected.epochs
    assert outcome.best_epoch == expected.best_epoch
    _assert_alike(model, whole)


def test_a_run_killed_while_it_validates_validates_again(
    encoder: Path,
    tmp_path: Path,
    undisturbed: tuple[TurnClassifier, LearningHistory],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The checkpoint before it is of a step within the epoch, so that no epoch is left out."""
    whole, expected = undisturbed
    validations = iter([validate])

    def validate_once(model: TurnClassifier, texts: LabelledTexts) -> tuple[float, float]:
        for allowed in validations:
            return allowed(model, texts)
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(learning, "validate", validate_once)
        with pytest.raises(KilledError):
            learn(_network(encoder), _plan(), tmp_path)

    model = _network(encoder)
    outcome = learn(model, _plan(), tmp_path, resume=True)

    assert outcome.epochs == expected.epochs
    _assert_alike(model, whole)


def test_resuming_loses_no_more_than_to_the_last_checkpoint(encoder: Path, tmp_path: Path) -> None:
    """A checkpoint every two steps: step five is made again, step four is not."""
    with pytest.raises(KilledError):
        learn(_network(encoder), _plan(), tmp_path, Killer(5))

    saved = find_checkpoint(tmp_path, _plan())

    assert saved is not None
    learner = TurnLearner(_network(encoder), _plan())
    learner.restore(saved)
    assert learner.step == 4


def test_a_checkpoint_of_another_plan_is_not_used(encoder: Path, tmp_path: Path) -> None:
    """Changed data or settings begin anew."""
    with pytest.raises(KilledError):
        learn(_network(encoder), _plan(), tmp_path, Killer(5))

    assert find_checkpoint(tmp_path, _plan("other")) is None


def test_a_head_learns_and_leaves_the_encoder_as_it_is(encoder: Path, tmp_path: Path) -> None:
    """Its texts are encoded once; no bit below the pooler moves."""
    model = _network(encoder)
    learnt = {name for name, _ in model.head_parameters()}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in learnt)
    rows = [_rows(50, 1), _rows(20, 2)]
    states = [frozen_states(model, one, 8) for one in rows]
    expected = all_logits(model, rows[1], 8)
    np.testing.assert_allclose(all_logits(model, states[1], 8), expected, atol=1e-5)

    plan = LearningPlan(states[0], states[1], _SETTINGS, 3, "states")
    outcome = learn(model, plan, tmp_path)

    before = _network(encoder).state_dict()
    kept = {name for name, values in model.state_dict().items() if values.equal(before[name])}
    assert kept == before.keys() - learnt
    assert outcome.epochs[-1].train_loss < outcome.epochs[0].train_loss


def test_a_calibrated_model_judges_alike_and_is_no_surer_than_right(
    encoder: Path, tmp_path: Path
) -> None:
    """Nothing is left to divide by, and no judgement at one half has changed."""
    model, unseen = _network(encoder), _rows(200, 5)
    learn(model, _plan(), tmp_path)
    before = all_logits(model, unseen, 50)

    temperature = calibrate(model, unseen)

    after = all_logits(model, unseen, 50)
    labels = unseen.labels.numpy()
    assert temperature != 1.0
    assert best_temperature(after, labels) == pytest.approx(1.0, abs=0.001)
    assert (after.argmax(axis=1) == before.argmax(axis=1)).all()
    assert cross_entropy(after, labels) < cross_entropy(before, labels)


def test_a_row_is_judged_alike_in_any_batch(encoder: Path) -> None:
    """Padding to the longest of a batch changes no more than the last digits."""
    model, rows = _network(encoder), _rows(30, 4)

    together, alone = all_logits(model, rows, 30), all_logits(model, rows, 1)

    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_full_padding_reaches_the_network() -> None:
    """MobileBERT sees every text at the same length."""
    rows = TokenRows([[2, 7, 3], [2, 7, 8, 9, 3]], [0, 1], padding=0, length=16)
    model = TurnClassifier(mobilebert_config())

    ids, mask = rows.padded([0, 1])

    assert ids.shape == mask.shape == (2, 16)
    assert mask.sum(dim=1).tolist() == [3, 5]
    assert all_logits(model, rows, 2).shape == (2, 2)


def test_every_epoch_shows_everything_once_in_another_order() -> None:
    """Batches are alike in length, complete, and repeat with the seed."""
    lengths = np.random.default_rng(1).integers(3, 60, size=1_000).tolist()

    first = epoch_batches(lengths, 16, seed=1, epoch=0)

    assert sorted(i for batch in first for i in batch) == list(range(1_000))
    assert first == epoch_batches(lengths, 16, seed=1, epoch=0)
    assert first != epoch_batches(lengths, 16, seed=1, epoch=1)
    spread = [max(lengths[i] for i in batch) - min(lengths[i] for i in batch) for batch in first]
    assert np.mean(spread) < 3


def test_texts_are_taken_by_length_and_none_is_lost() -> None:
    """The shortest first, so that little is padded."""
    batches = list(by_length([5, 1, 3, 2, 4], 2))

    assert batches == [[1, 3], [2, 4], [0]]

"""The loop that every training shares, driven by a learner of one number."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from training.core.checkpoints import BEST_NAME, CHECKPOINT_NAME, METRICS_NAME, read_checkpoint
from training.core.errors import DivergedTrainingError, MissingDataError
from training.core.loop import LoopSettings, Progress, StepFigures, TrainingLoop, Validation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


class KilledError(Exception):
    """The process is gone."""


class Adder:
    """Learns one number: the sum of its batches."""

    def __init__(self) -> None:
        self.step = 0
        self.total = torch.zeros(1)

    def learn(self, batch: float) -> StepFigures:
        """Add a batch."""
        self.total = self.total + batch
        self.step += 1
        return StepFigures({"total": float(self.total)}, {"batches": 1.0})

    def parameters(self) -> dict[str, torch.Tensor]:
        """Return the sum."""
        return {"total": self.total.clone()}

    def state(self) -> dict[str, Any]:
        """Return the sum and the step."""
        return {"step": self.step, "total": self.total}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take both back."""
        self.step, self.total = saved["step"], saved["total"]


class Recorder:
    """Keeps what a loop tells, and ends the process after a step if asked."""

    def __init__(self, killed_after: int | None = None) -> None:
        self.steps: list[int] = []
        self.validations: list[tuple[int, float]] = []
        self._killed_after = killed_after

    def advanced(self, step: int, steps: int, figures: StepFigures) -> None:
        """Take note of a step."""
        assert step <= steps
        assert figures.sums == {"batches": 1.0}
        self.steps.append(step)
        if step == self._killed_after:
            raise KilledError

    def validated(self, step: int, figures: Mapping[str, float]) -> None:
        """Take note of a validation."""
        self.validations.append((step, figures["score"]))


def _batches(first_step: int, steps: int) -> Iterator[float]:
    return iter(float(step * step % 7) for step in range(first_step, steps))


def _scores(values: Sequence[float], learner: Adder, every: int) -> Any:
    """Return a validation that gives the scores in turn, as a function of the step alone."""

    def validate() -> Validation:
        score = values[(learner.step // every) % len(values)]
        return Validation((score,), {"score": score})

    return validate


def _loop(learner: Adder, folder: Path | None, scores: Sequence[float], **changes: Any) -> Any:
    chosen = LoopSettings(**({"steps": 12, "checkpoint_steps": 5, "validation_steps": 3} | changes))
    validate = _scores(scores, learner, chosen.validation_steps) if scores else None
    return TrainingLoop(learner, chosen, folder, validate=validate)


def test_steps_and_validations_come_in_order(tmp_path: Path) -> None:
    """The start is validated if asked, the last step always."""
    learner, recorder = Adder(), Recorder()

    _loop(learner, tmp_path, [1.0, 2.0], steps=7, validates_start=True).run(
        _batches(0, 7), recorder
    )

    assert recorder.steps == [1, 2, 3, 4, 5, 6, 7]
    assert [step for step, _ in recorder.validations] == [0, 3, 6, 7]


def test_the_parameters_of_the_best_validation_are_kept(tmp_path: Path) -> None:
    """Later and equal ones do not replace it."""
    learner = Adder()
    loop = _loop(learner, tmp_path, [0.0, 1.0, 5.0, 5.0, 2.0])

    progress = loop.run(_batches(0, 12))

    expected = sum(_batches(0, 6))
    assert progress == Progress((5.0,), {"score": 5.0}, step=6, waited=2)
    assert loop.best_parameters()["total"] == expected
    assert read_checkpoint(tmp_path / BEST_NAME)["step"] == 6
    assert learner.total != expected


def test_a_run_without_a_new_best_ends_when_the_patience_is_over(tmp_path: Path) -> None:
    """And its checkpoint says so: resumed, it takes no further step."""
    learner = Adder()
    scores = [0.0, 9.0, 1.0, 2.0, 3.0]
    assert _loop(learner, tmp_path, scores, steps=60, patience=2).run(_batches(0, 60)).waited == 2
    assert learner.step == 9

    again = Adder()
    loop = _loop(again, tmp_path, scores, steps=60, patience=2)
    loop.resume(read_checkpoint(tmp_path / CHECKPOINT_NAME))
    loop.run(_batches(again.step, 60))

    assert again.step == 9


def test_a_loop_without_validation_keeps_the_last_step(tmp_path: Path) -> None:
    """There is a checkpoint, and no best."""
    learner = Adder()
    loop = _loop(learner, tmp_path, [])

    progress = loop.run(_batches(0, 12))

    assert read_checkpoint(tmp_path / CHECKPOINT_NAME)["step"] == 12
    assert progress == Progress()
    assert loop.best_parameters() is None
    assert not (tmp_path / BEST_NAME).exists()


def test_a_run_that_keeps_no_best_writes_the_last_step_alone(tmp_path: Path) -> None:
    """Its validations are known all the same."""
    loop = _loop(Adder(), tmp_path, [3.0, 1.0], keeps_best=False)

    progress = loop.run(_batches(0, 12))

    assert progress.figures == {"score": 3.0}
    assert loop.best_parameters() is None
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT_NAME]


def test_a_stopped_run_writes_a_checkpoint_and_is_not_over(tmp_path: Path) -> None:
    """Resumed, it goes on from there."""
    learner = Adder()
    loop = _loop(learner, tmp_path, [1.0], checkpoint_steps=100, validation_steps=100)

    loop.run(_batches(0, 12), None, lambda: learner.step == 7)

    assert not loop.is_over
    again = Adder()
    resumed = _loop(again, tmp_path, [1.0])
    resumed.resume(read_checkpoint(tmp_path / CHECKPOINT_NAME))
    assert again.step == 7
    resumed.run(_batches(7, 12))
    assert resumed.is_over
    assert again.total == sum(_batches(0, 12))


def test_a_run_begun_afresh_leaves_nothing_of_an_earlier_one(tmp_path: Path) -> None:
    """Killed before its first checkpoint, it cannot be resumed with the earlier one's figures."""
    _loop(Adder(), tmp_path, [1.0, 2.0]).run(_batches(0, 12))
    (tmp_path / METRICS_NAME).write_text('{"step": 0, "score": 1.0}\n')

    with suppress(KilledError):
        _loop(Adder(), tmp_path, [3.0], validates_start=True).run(
            _batches(0, 12), Recorder(killed_after=1)
        )

    assert [path.name for path in tmp_path.iterdir()] == [BEST_NAME]
    assert read_checkpoint(tmp_path / BEST_NAME)["step"] == 0


def test_parameters_of_another_validation_are_not_taken_for_the_best(tmp_path: Path) -> None:
    """Whoever put them there; nor are none."""
    loop = _loop(Adder(), tmp_path, [1.0, 2.0])
    loop.run(_batches(0, 12))
    best = tmp_path / BEST_NAME
    torch.save({**read_checkpoint(best), "step": 0}, best)

    with pytest.raises(MissingDataError, match="that after step 3"):
        loop.best_parameters()
    best.unlink()
    with pytest.raises(MissingDataError, match="that after step 3"):
        loop.best_parameters()


def test_a_mean_that_is_no_number_ends_the_run_before_it_is_kept(tmp_path: Path) -> None:
    """The last checkpoint is of the steps before."""
    batches = iter([1.0, 1.0, float("nan"), 1.0])

    with pytest.raises(DivergedTrainingError, match="the total of step 3 is nan"):
        _loop(Adder(), tmp_path, [], checkpoint_steps=1).run(batches)

    assert read_checkpoint(tmp_path / CHECKPOINT_NAME)["step"] == 2


def test_a_process_that_takes_part_writes_nothing(tmp_path: Path) -> None:
    learner = Adder()

    _loop(learner, None, [1.0]).run(_batches(0, 12))

    assert learner.step == 12
    assert list(tmp_path.iterdir()) == []


@given(
    killed_after=st.integers(1, 12),
    checkpoint_steps=st.integers(1, 13),
    validation_steps=st.integers(1, 13),
    patience=st.integers(0, 3),
    scores=st.lists(st.integers(0, 4).map(float), min_size=1, max_size=6),
)
@examples(60)
def test_a_killed_and_resumed_run_ends_like_one_that_was_not(
    tmp_path_factory: pytest.TempPathFactory, killed_after: int, scores: list[float], **changes: int
) -> None:
    """Whatever the step it is killed after, checkpoint or none."""
    whole, broken = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("broken")
    straight = Adder()
    expected = _loop(straight, whole, scores, **changes).run(_batches(0, 12))

    with suppress(KilledError):
        _loop(Adder(), broken, scores, **changes).run(_batches(0, 12), Recorder(killed_after))
    resumed = Adder()
    loop = _loop(resumed, broken, scores, **changes)
    if (broken / CHECKPOINT_NAME).is_file():
        loop.resume(read_checkpoint(broken / CHECKPOINT_NAME))
    progress = loop.run(_batches(resumed.step, 12))

    assert progress == expected
    assert torch.equal(resumed.total, straight.total)
    one, other = (read_checkpoint(folder / BEST_NAME) for folder in (whole, broken))
    assert one["step"] == other["step"]
    assert torch.equal(one["parameters"]["total"], other["parameters"]["total"])

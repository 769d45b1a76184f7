"""The training of one adapter on mlx-lm, by the loop, the rows and the report of every training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.analytics.learning.base import find_base
from training.analytics.learning.run import Learnt, Run, learning_rows
from training.analytics.mlx.learner import MlxLearner, Numbered
from training.analytics.mlx.network import load_mlx_network
from training.core.errors import MissingDataError
from training.core.transformers_output import without_remarks

if TYPE_CHECKING:
    from pathlib import Path

    from training.analytics.learning.recipe import AnalyticsRecipe
    from training.analytics.learning.report import RunReport
    from training.analytics.learning.run import LearningExamples
    from training.core.optimisers import Schedule

BASES_FOLDER, NUMBERED_FOLDER = "bases", "numbered"


def learn_on_mlx(
    recipe: AnalyticsRecipe,
    examples: LearningExamples,
    work: Path,
    *,
    resume: bool = False,
    finish: bool = False,
) -> RunReport:
    """Train an adapter on mlx-lm and write it with its report into ``work``; return the report.

    The best adapter is ``adapter/adapters.safetensors``, the name that mlx-lm reads; those of every
    ``mlx.checkpoint_steps`` lie in ``numbered``.

    Args:
        recipe: What decides the weights, with the table ``mlx``.
        examples: To learn from.
        work: Folder of the run: checkpoint, metrics, adapter, report.
        resume: Go on from its checkpoint, if there is one.
        finish: Take no further step: write the best adapter that the run had until its checkpoint.

    Raises:
        ConfigurationError: The recipe does not fit the base, the guide, the examples or the
            checkpoint.
        MissingDataError: There are no examples, or the tokenizer cannot be loaded.
        MissingExtraError: mlx-lm is not installed.
        StoppedTrainingError: SIGTERM or SIGINT came; the checkpoint is written.
    """
    if not examples.train or not examples.validation:
        raise MissingDataError("a training needs examples for training and for validation")
    work.mkdir(parents=True, exist_ok=True)
    with without_remarks():
        files = find_base(recipe.base.model)
        rows = learning_rows(recipe, examples, files)
        network = load_mlx_network(recipe, files, work.parent / BASES_FOLDER)
        numbered = Numbered(work / NUMBERED_FOLDER, recipe.learning.checkpoint_steps)

        def learner(schedule: Schedule, fingerprint: str) -> MlxLearner:
            return MlxLearner(
                network, schedule, numbered, seed=recipe.seed, fingerprint=fingerprint
            )

        learnt = Learnt(network, files.sha256(), learner, runtime="mlx", decays=False)
        run = Run(recipe, rows, learnt, work)
        progress = run.learn(resume=resume, finish=finish)
        return run.finish(progress)

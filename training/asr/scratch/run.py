"""A run of the training from scratch, in one or more processes."""

from __future__ import annotations

import os
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from schemas.errors import CallstreamError
from training.asr.scratch.batches import Batch, BatchMaker
from training.asr.scratch.checkpoint import inventory_of
from training.asr.scratch.inventory import find_inventory
from training.asr.scratch.learner import SpeechLearner
from training.asr.scratch.recipe import Recipe
from training.asr.speech.augment import Background
from training.asr.speech.folders import SpeechFolders
from training.asr.speech.utterances import SpeechPool
from training.core.checkpoints import CHECKPOINT_NAME, METRICS_NAME, read_kept_checkpoint
from training.core.devices import torch_threads
from training.core.errors import MissingDataError
from training.core.loop import LoopSettings, TrainingLoop
from training.core.run_metrics import MetricsLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.queues import SimpleQueue

    from training.asr.scratch.vocabulary import SubVocabulary


class Run(msgspec.Struct, frozen=True):
    """A run: its recipe, its data, its folder, and whether it goes on from a checkpoint."""

    recipe: Recipe
    data: SpeechFolders
    out: Path
    resume: bool


def train(recipe: Recipe, data: SpeechFolders, out: Path, *, resume: bool) -> Path:
    """Run the recipe and return the path of the last checkpoint.

    Raises:
        MissingDataError: The speech, the noises or the checkpoint to go on from are not there.
        RecipeError: The vocabulary has no room for the letters.
        DivergedTrainingError: A figure of a step is no finite number.
    """
    out.mkdir(parents=True, exist_ok=True)
    run = Run(recipe, data, out, resume)
    processes = recipe.optimisation.processes
    if processes == 1:
        with torch_threads(1):
            _run_process(0, run)
    else:
        meeting = out / f"processes-{os.getpid()}"
        try:
            _run_together(run, processes, meeting)
        finally:
            meeting.unlink(missing_ok=True)
    return out / CHECKPOINT_NAME


def _run_together(run: Run, processes: int, meeting: Path) -> None:
    """Run in several processes.

    Raises:
        CallstreamError: What the first process to fail raised.
    """
    errors: SimpleQueue[CallstreamError] = get_context("spawn").SimpleQueue()
    try:
        mp.spawn(_run_joined, (run, str(meeting), errors), nprocs=processes)  # type: ignore[attr-defined,no-untyped-call]
    except mp.ProcessRaisedException as error:  # type: ignore[attr-defined]
        if errors.empty():
            raise
        raise errors.get() from error


def training_pools(data: SpeechFolders) -> tuple[SpeechPool, dict[str, SpeechPool]]:
    """Return the synthesised speech, and the real speech of each corpus."""
    real = {path.name: SpeechPool([path]) for path in sorted(data.real.glob("*"))}
    return SpeechPool([data.synthetic]), real


def training_vocabulary(data: SpeechFolders, *, size: int) -> SubVocabulary:
    """Return the vocabulary that a run on this speech would begin with."""
    synthetic, real = training_pools(data)
    return find_inventory(synthetic, real, vocabulary_size=size).vocabulary


def _run_joined(rank: int, run: Run, meeting: str, errors: SimpleQueue[CallstreamError]) -> None:
    dist.init_process_group(
        "gloo",
        init_method=f"file://{meeting}",
        rank=rank,
        world_size=run.recipe.optimisation.processes,
        timeout=timedelta(minutes=10),
    )
    try:
        with torch_threads(1):
            _run_process(rank, run)
    except CallstreamError as error:
        errors.put(error)
        raise
    finally:
        dist.destroy_process_group()


def _run_process(rank: int, run: Run) -> None:
    """Run in one process; the first one alone keeps metrics and checkpoints."""
    torch.set_float32_matmul_precision("medium")
    recipe = run.recipe
    saved = (
        read_kept_checkpoint(run.out / CHECKPOINT_NAME, "run without --resume")
        if run.resume
        else None
    )
    synthetic, real = training_pools(run.data)
    if not len(synthetic):
        raise MissingDataError(f"{run.data.synthetic} holds no speech to learn from")
    inventory = (
        inventory_of(saved)
        if saved
        else find_inventory(synthetic, real, vocabulary_size=recipe.vocabulary)
    )
    learner = SpeechLearner(recipe, inventory)
    settings = LoopSettings(
        steps=recipe.optimisation.steps, checkpoint_steps=recipe.checkpoint_steps
    )
    loop = TrainingLoop(learner, settings, run.out if rank == 0 else None)
    if saved:
        loop.resume(saved)
    maker = BatchMaker(synthetic, real, Background(run.data.augment), inventory)
    batches = _batches(recipe, maker, learner.step, rank)
    if rank > 0:
        loop.run(batches)
        return
    with MetricsLog(run.out / METRICS_NAME, recipe.name, step=learner.step) as metrics:
        loop.run(batches, metrics)


def _batches(recipe: Recipe, maker: BatchMaker, first_step: int, rank: int) -> Iterator[Batch]:
    settings = recipe.optimisation
    for step in range(first_step, settings.steps):
        yield maker.make(
            recipe.stage_at(step),
            batch_seconds=settings.batch_seconds / settings.processes,
            seed=(recipe.seed, step, rank),
        )

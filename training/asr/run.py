"""The training loop: one or more processes, checkpoints, exact resume."""

from __future__ import annotations

import os
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from models.audio.samples import SAMPLE_RATE_HZ
from training.asr.augment import Background
from training.asr.batches import Batch, BatchMaker
from training.asr.features import batch_log_mel, mel_filters
from training.asr.lesson import Lesson, make_lesson
from training.asr.losses import ctc_loss, guided_attention_loss, phone_loss, token_loss
from training.asr.metrics import METRICS_NAME, MetricsLog
from training.asr.network import SpeechNetwork
from training.asr.recipe import Recipe
from training.asr.utterances import SpeechPool
from training.checkpoints import CHECKPOINT_NAME, read_checkpoint, write_checkpoint
from training.optimisation import Optimisers

if TYPE_CHECKING:
    from collections.abc import Iterator


class DataFolders(msgspec.Struct, frozen=True):
    """Where the shards of synthetic and real speech and the noises lie."""

    synthetic: Path
    real: Path
    augment: Path


class Run(msgspec.Struct, frozen=True):
    """A run: its recipe, its data, its folder, and whether it goes on from a checkpoint."""

    recipe: Recipe
    data: DataFolders
    out: Path
    resume: bool


def train(recipe: Recipe, data: DataFolders, out: Path, *, resume: bool) -> Path:
    """Run the recipe and return the path of the last checkpoint."""
    out.mkdir(parents=True, exist_ok=True)
    run = Run(recipe, data, out, resume)
    processes = recipe.optimisation.processes
    if processes == 1:
        _run_process(0, run)
    else:
        meeting = out / f"processes-{os.getpid()}"
        mp.spawn(_run_joined, (run, str(meeting)), nprocs=processes)  # type: ignore[attr-defined,no-untyped-call]
        meeting.unlink(missing_ok=True)
    return out / CHECKPOINT_NAME


def _run_joined(rank: int, run: Run, meeting: str) -> None:
    dist.init_process_group(
        "gloo",
        init_method=f"file://{meeting}",
        rank=rank,
        world_size=run.recipe.optimisation.processes,
        timeout=timedelta(minutes=10),
    )
    try:
        _run_process(rank, run)
    finally:
        dist.destroy_process_group()


def _run_process(rank: int, run: Run) -> None:
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision("medium")
    recipe = run.recipe
    checkpoint = run.out / CHECKPOINT_NAME
    synthetic = SpeechPool([run.data.synthetic])
    real = {path.name: SpeechPool([path]) for path in sorted(run.data.real.glob("*"))}
    saved = read_checkpoint(checkpoint) if run.resume else None
    lesson = (
        _lesson_of(saved)
        if saved
        else make_lesson(synthetic, real, vocabulary_size=recipe.vocabulary)
    )
    trainer = Trainer(recipe, lesson)
    if saved:
        trainer.restore(saved)
    maker = BatchMaker(synthetic, real, Background(run.data.augment), lesson)
    if rank > 0:
        for _ in _learn_all(recipe, trainer, maker, rank):
            pass
        return
    steps = recipe.optimisation.steps
    with MetricsLog(run.out / METRICS_NAME, recipe.name, steps=steps, step=trainer.step) as log:
        for batch, figures in _learn_all(recipe, trainer, maker, rank):
            log.add(trainer.step, figures, _counts(batch, recipe.optimisation.processes))
            if trainer.step % recipe.checkpoint_steps == 0 or trainer.step == steps:
                trainer.save(checkpoint)


def _counts(batch: Batch, processes: int) -> dict[str, float]:
    return {
        "utterances": len(batch.tokens) * processes,
        "audio_seconds": batch.audio.numel() * processes / SAMPLE_RATE_HZ,
    }


def _learn_all(
    recipe: Recipe, trainer: Trainer, maker: BatchMaker, rank: int
) -> Iterator[tuple[Batch, dict[str, float]]]:
    settings = recipe.optimisation
    while trainer.step < settings.steps:
        batch = maker.make(
            recipe.stage_at(trainer.step),
            batch_seconds=settings.batch_seconds / settings.processes,
            seed=(recipe.seed, trainer.step, rank),
        )
        yield batch, trainer.learn(batch)


class Trainer:
    """The network, its optimiser and the step they are at."""

    def __init__(self, recipe: Recipe, lesson: Lesson) -> None:
        """Initialise from the recipe's seed."""
        torch.manual_seed(recipe.seed)
        self._recipe = recipe
        self._lesson = lesson
        sizes = {name: len(phones) for name, phones in lesson.phone_sets.items()}
        self.network = SpeechNetwork(
            recipe.network, vocabulary=len(lesson.vocabulary), phone_sets=sizes
        )
        self._parameters = [p for p in self.network.parameters() if p.requires_grad]
        self._gradients = _share_gradients(self._parameters)
        self._optimisers = Optimisers(self.network.named_parameters(), recipe.optimisation)
        self._filters = mel_filters(recipe.network.mel_bands)
        self.step = 0

    def learn(self, batch: Batch) -> dict[str, float]:
        """Take one step on ``batch`` and return its losses."""
        settings = self._recipe.optimisation
        self._gradients.zero_()
        losses = self._losses(batch)
        weights = self._recipe.losses
        total = (
            losses["token"]
            + weights.phones * losses["phone"]
            + weights.ctc * losses["ctc"]
            + weights.attention * losses["attention"]
        )
        total.backward()  # type: ignore[no-untyped-call]
        if settings.processes > 1:
            dist.all_reduce(self._gradients)
            self._gradients /= settings.processes
        norm = self._gradients.norm()
        self._gradients *= min(1.0, settings.clip_norm / (float(norm) + 1e-6))
        self._optimisers.step(self.step)
        self.network.hold_constant()
        self.step += 1
        return {**{name: loss.item() for name, loss in losses.items()}, "norm": float(norm)}

    def _losses(self, batch: Batch) -> dict[str, torch.Tensor]:
        use_bfloat16 = self._recipe.optimisation.bfloat16
        mel = batch_log_mel(batch.audio, self._filters)
        with torch.autocast("cpu", torch.bfloat16) if use_bfloat16 else nullcontext():
            audio = self.network.encoder(mel)
            output = self.network.decoder(batch.tokens, audio)
            characters = self.network.ctc_head(audio)
            phones = {name: head(audio) for name, head in self.network.phone_heads.items()}
        guided = zip(output.attention, self._recipe.losses.guided_heads, strict=True)
        attention_losses = [guided_attention_loss(a, batch.spans, heads) for a, heads in guided]
        phone_losses = [phone_loss(phones[name], batch.phones[name]) for name in phones]
        return {
            "token": token_loss(output.logits, batch.targets),
            "phone": torch.stack(phone_losses).mean(),
            "ctc": ctc_loss(characters, batch.characters, batch.character_counts),
            "attention": torch.stack(attention_losses).mean(),
        }

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        content = {
            "step": self.step,
            "recipe": msgspec.json.encode(self._recipe),
            "lesson": msgspec.json.encode(self._lesson),
            "network": self.network.state_dict(),
            "optimisers": self._optimisers.state(),
        }
        write_checkpoint(content, path)

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from a checkpoint.

        The optimisers' memory begins afresh after a change of the method, and where the
        checkpoint has none, which is what a change of the vocabulary leaves.
        """
        self.network.load_state_dict(saved["network"])
        self.step = saved["step"]
        before = msgspec.json.decode(saved["recipe"], type=Recipe).optimisation.method
        if before == self._recipe.optimisation.method and saved.get("optimisers"):
            self._optimisers.restore(saved["optimisers"])


def _share_gradients(parameters: list[torch.nn.Parameter]) -> torch.Tensor:
    """Return one flat tensor of which every parameter's gradient is a view."""
    flat = torch.zeros(sum(p.numel() for p in parameters))
    start = 0
    for parameter in parameters:
        parameter.grad = flat[start : start + parameter.numel()].view_as(parameter)
        start += parameter.numel()
    return flat


def _lesson_of(saved: dict[str, Any]) -> Lesson:
    return msgspec.json.decode(saved["lesson"], type=Lesson)

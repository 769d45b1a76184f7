"""The training loop: one or more processes, checkpoints, exact resume."""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from rich.progress import Progress, TimeElapsedColumn

from training.asr.augment import Background
from training.asr.batches import Batch, BatchMaker
from training.asr.features import batch_log_mel, mel_filters
from training.asr.lesson import Lesson, make_lesson
from training.asr.losses import ctc_loss, guided_attention_loss, phone_loss, token_loss
from training.asr.network import SpeechNetwork
from training.asr.recipe import Recipe
from training.asr.utterances import SpeechPool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from training.asr.recipe import Optimisation

CHECKPOINT_NAME = "checkpoint.pt"
METRICS_NAME = "metrics.jsonl"
REPORT_STEPS = 25


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


def learning_rate_at(step: int, settings: Optimisation) -> float:
    """Return the learning rate of a step: straight up, level, straight down to 0."""
    warm = min(1.0, (step + 1) / max(settings.warmup_steps, 1))
    remaining = settings.steps - step
    decay = min(1.0, remaining / max(settings.steps - settings.decay_from, 1))
    return settings.learning_rate * min(warm, max(decay, 0.0))


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
    saved = _load(checkpoint) if run.resume else None
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
    with _MetricsLog(run.out / METRICS_NAME, recipe, trainer.step) as log:
        for batch, figures in _learn_all(recipe, trainer, maker, rank):
            log.add(trainer.step, figures, batch)
            is_due = trainer.step % recipe.checkpoint_steps == 0
            if is_due or trainer.step == recipe.optimisation.steps:
                trainer.save(checkpoint)


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
        self._optimiser = torch.optim.AdamW(
            _decay_groups(self.network, recipe.optimisation.weight_decay),
            lr=recipe.optimisation.learning_rate,
            betas=(0.9, 0.98),
            fused=True,
        )
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
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate_at(self.step, settings)
        self._optimiser.step()
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

    def parameter_groups(self) -> list[list[torch.nn.Parameter]]:
        """Return the optimiser's parameters in its order: those that decay, and the others."""
        return [group["params"] for group in self._optimiser.param_groups]

    def save(self, path: Path) -> None:
        """Write a checkpoint in one go: a reader never sees half of one."""
        partial = path.with_suffix(".partial")
        content = {
            "step": self.step,
            "recipe": msgspec.json.encode(self._recipe),
            "lesson": msgspec.json.encode(self._lesson),
            "network": self.network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }
        torch.save(content, partial)
        partial.replace(path)

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.network.load_state_dict(saved["network"])
        self._optimiser.load_state_dict(saved["optimiser"])
        self.step = saved["step"]


def _share_gradients(parameters: list[torch.nn.Parameter]) -> torch.Tensor:
    """Return one flat tensor of which every parameter's gradient is a view."""
    flat = torch.zeros(sum(p.numel() for p in parameters))
    start = 0
    for parameter in parameters:
        parameter.grad = flat[start : start + parameter.numel()].view_as(parameter)
        start += parameter.numel()
    return flat


def _decay_groups(network: SpeechNetwork, weight_decay: float) -> list[dict[str, Any]]:
    named = list(network.named_parameters())
    decayed = [p for name, p in named if p.ndim > 1 and "embedding" not in name]
    others = [p for name, p in named if p.ndim <= 1 or "embedding" in name]
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def _load(path: Path) -> dict[str, Any]:
    saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return saved


def _lesson_of(saved: dict[str, Any]) -> Lesson:
    return msgspec.json.decode(saved["lesson"], type=Lesson)


class _MetricsLog:
    """Means of the losses and the speed: one JSON line every ``REPORT_STEPS``, and a bar."""

    def __init__(self, path: Path, recipe: Recipe, step: int) -> None:
        self._path = path
        self._processes = recipe.optimisation.processes
        self._progress = Progress(*Progress.get_default_columns(), TimeElapsedColumn())
        self._task = self._progress.add_task(
            recipe.name, total=recipe.optimisation.steps, completed=step
        )
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._steps = 0
        self._since = time.perf_counter()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def add(self, step: int, figures: dict[str, float], batch: Batch) -> None:
        for name, figure in figures.items():
            self._sums[name] += figure
        self._sums["utterances"] += len(batch.tokens) * self._processes
        self._sums["audio_seconds"] += batch.audio.numel() * self._processes / 16_000
        self._steps += 1
        if step % REPORT_STEPS:
            return
        now = time.perf_counter()
        row: dict[str, float] = {"step": step, "seconds": round(now - self._since, 2)}
        for name, total in self._sums.items():
            is_count = name in {"utterances", "audio_seconds"}
            row[name] = round(total if is_count else total / self._steps, 4)
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(row) + "\n")
        self._progress.update(
            self._task, completed=step, description=f"token loss {row['token']:.3f}"
        )
        self._sums.clear()
        self._steps = 0
        self._since = now

"""The training of one network, from rows to the folder of the trained model."""

from __future__ import annotations

import hashlib
import shutil
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import orjson
import structlog
import torch
from safetensors.torch import load_file
from transformers import (
    EarlyStoppingCallback,
    PrinterCallback,
    TrainerState,
    TrainingArguments,
)
from transformers.utils import SAFE_WEIGHTS_NAME

from models.classification.label_set import LabelSet, load_label_set
from training.classification.learning.call_trainer import (
    AVERAGE_METRIC,
    CallTrainer,
    LearningData,
    WatcherCallback,
)
from training.classification.learning.history import Epoch, LearningRecord, write_record
from training.classification.learning.inputs import classified_text, read_calls
from training.classification.learning.losses import class_weights
from training.classification.learning.network import new_network
from training.classification.learning.recipe import NetworkRecipe
from training.classification.learning.start import read_start, started_network
from training.classification.learning.tracking import trackers
from training.classification.learning.trained import (
    bare_tokenizer,
    label_set_text,
    save_classifier,
    window_inputs,
)
from training.core.devices import choose_device, torch_threads
from training.core.errors import MissingDataError, RecipeError
from training.core.json_files import write_json
from training.core.transformers_output import without_remarks
from training.text.encoder_base import cut_encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from transformers import PreTrainedTokenizerBase

    from training.classification.corpus.rows import Row
    from training.classification.learning.network import MultiTaskClassifier
    from training.core.loop import Watcher

CHECKPOINTS, PLAN_NAME = "checkpoints", "plan.json"
_VALIDATION_BATCH = 64
_LIBRARIES = ("torch", "transformers", "tokenizers", "numpy")
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class LearningRows:
    """What a network learns from.

    Attributes:
        label_set: Name of one that ships, or the path of a TOML file.
        train: To learn from.
        validation: To choose the best epoch with.
    """

    label_set: str
    train: Sequence[Row]
    validation: Sequence[Row]


@dataclass(frozen=True)
class LearningFolders:
    """Where a training writes.

    Attributes:
        work: Checkpoints and metrics.
        out: The trained model.
    """

    work: Path
    out: Path


def learn(
    recipe: NetworkRecipe,
    rows: LearningRows,
    folders: LearningFolders,
    watcher: Callable[[int], Watcher],
    *,
    resume: bool = False,
) -> LearningRecord:
    """Train a network and write it as a folder; return the record that lies in it.

    Two runs of the same recipe and rows end with the same weights, wherever one was killed and
    resumed.

    Args:
        recipe: What decides the weights.
        rows: To learn from.
        folders: To write to.
        watcher: Returns who is told about steps and validations, from a step on.
        resume: Go on from the last checkpoint of the work folder, if there is one.

    Raises:
        RecipeError: The recipe does not fit the base or the rows.
        MissingDataError: There are no rows, or the base or the start is missing.
        ConfigurationError: The label set is not valid.
    """
    if not rows.train or not rows.validation:
        raise MissingDataError("a training needs rows for training and for validation")
    label_set = load_label_set(rows.label_set)
    fingerprint = _fingerprint(recipe, rows, label_set)
    checkpoint = _checkpoint(folders.work, fingerprint, resume=resume)
    with torch_threads(recipe.threads), without_remarks():
        network, tokenizer = _network(recipe, rows.train, label_set)
        data = _data(recipe, rows, network, tokenizer, label_set)
        network.class_weights = class_weights(
            data.train.labels, network.tasks, recipe.learning.class_weights
        )
        network.label_smoothing = recipe.learning.label_smoothing
        trainer = _trainer(recipe, network, data, folders.work, watcher(_step(checkpoint)))
        began = time.perf_counter()
        _train(trainer, network, checkpoint, recipe.learning.patience)
        seconds = time.perf_counter() - began
    network.to("cpu")  # type: ignore[arg-type]
    save_classifier(network, tokenizer, label_set_text(rows.label_set), folders.out)
    record = LearningRecord(
        recipe=msgspec.to_builtins(recipe),
        label_set=label_set.versioned_name,
        fingerprint=fingerprint,
        parameters=sum(p.numel() for p in network.parameters()),
        rows={"train": len(data.train.ids), "validation": len(data.validation.ids)},
        epochs=_epochs(trainer),
        best_metric=float(trainer.state.best_metric or 0.0),
        best_step=int(trainer.state.best_global_step or 0),
        seconds=round(seconds, 1),
        versions={name: version(name) for name in _LIBRARIES},
    )
    write_record(folders.out, record)
    return record


def _network(
    recipe: NetworkRecipe, rows: Sequence[Row], label_set: LabelSet
) -> tuple[MultiTaskClassifier, PreTrainedTokenizerBase]:
    if recipe.start:
        start = read_start(recipe.start, label_set)
        network, tokenizer = started_network(start, label_set, recipe.seed), start.tokenizer
    else:
        texts = (classified_text(row, label_set) for row in rows)
        encoder, tokenizer = cut_encoder(recipe.base, lambda: texts, recipe.seed)
        network = new_network(encoder, label_set, recipe.head, recipe.seed)
    longest = getattr(network.config, "max_position_embeddings", recipe.learning.max_tokens)
    if longest < recipe.learning.max_tokens:
        raise RecipeError(f"learning.max_tokens: the encoder has {longest} positions")
    network.config.max_window_tokens = recipe.learning.max_tokens
    return network, tokenizer


def _data(
    recipe: NetworkRecipe,
    rows: LearningRows,
    network: MultiTaskClassifier,
    tokenizer: PreTrainedTokenizerBase,
    label_set: LabelSet,
) -> LearningData:
    unknown = recipe.learning.source_shares.keys() - {row.source for row in rows.train}
    if unknown:
        raise RecipeError(f"learning.source_shares: no rows of {', '.join(sorted(unknown))}")
    bare = bare_tokenizer(tokenizer)
    padding = int(tokenizer.pad_token_id or 0)
    return LearningData(
        train=read_calls(rows.train, bare, label_set)[0],
        validation=read_calls(rows.validation, bare, label_set)[0],
        windows=window_inputs(bare, padding, network.config),
        source_shares=recipe.learning.source_shares,
        seed=recipe.seed,
    )


def _trainer(
    recipe: NetworkRecipe,
    network: MultiTaskClassifier,
    data: LearningData,
    work: Path,
    watcher: Watcher,
) -> CallTrainer:
    learning = recipe.learning
    callback = WatcherCallback(watcher)
    trainer = CallTrainer(network, _arguments(recipe, work), data, learning.head_rate, [callback])
    trainer.remove_callback(PrinterCallback)
    callback.trainer = trainer
    return trainer


def _train(
    trainer: CallTrainer, network: MultiTaskClassifier, checkpoint: Path | None, patience: int
) -> None:
    """Train to the end, from a checkpoint on; a run that had stopped early there has ended."""
    since_best = _since_best(checkpoint)
    if checkpoint is not None and 0 < patience <= since_best:
        trainer.state = _state(checkpoint)
        best = checkpoint.parent / Path(str(trainer.state.best_model_checkpoint)).name
        network.load_state_dict(load_file(best / SAFE_WEIGHTS_NAME))
        return
    if patience:
        stopping = EarlyStoppingCallback(patience)
        stopping.early_stopping_patience_counter = since_best
        trainer.add_callback(stopping)
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))


def _since_best(checkpoint: Path | None) -> int:
    """Return how many validations in a row were no better when a checkpoint was written.

    The Trainer does not take that up again, so that a resumed run would be patient from the start.
    """
    history = [] if checkpoint is None else _state(checkpoint).log_history
    scores = [line[AVERAGE_METRIC] for line in history if AVERAGE_METRIC in line]
    return len(scores) - 1 - scores.index(max(scores)) if scores else 0


def _state(checkpoint: Path) -> TrainerState:
    state: TrainerState = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
    return state


def _arguments(recipe: NetworkRecipe, work: Path) -> TrainingArguments:
    learning = recipe.learning
    return TrainingArguments(
        output_dir=str(work / CHECKPOINTS),
        num_train_epochs=learning.epochs,
        per_device_train_batch_size=learning.batch,
        per_device_eval_batch_size=max(learning.batch, _VALIDATION_BATCH),
        learning_rate=learning.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=learning.warmup,
        weight_decay=learning.weight_decay,
        max_grad_norm=learning.clip_norm,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        logging_strategy="no",
        load_best_model_at_end=True,
        metric_for_best_model=AVERAGE_METRIC,
        greater_is_better=True,
        seed=recipe.seed,
        bf16=learning.bf16,
        use_cpu=choose_device(recipe.device).type == "cpu",
        label_names=["labels"],
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        disable_tqdm=True,
        report_to=trackers(learning, work, recipe.name),
    )


def _checkpoint(work: Path, fingerprint: str, *, resume: bool) -> Path | None:
    """Return the checkpoint to go on from; without ``resume`` there is none, and none is left."""
    folder, plan = work / CHECKPOINTS, work / PLAN_NAME
    last = last_checkpoint(folder)
    if resume and last is not None:
        if not plan.is_file() or orjson.loads(plan.read_bytes()).get("fingerprint") != fingerprint:
            raise RecipeError(
                f"{folder} is of another recipe or other rows: leave --resume out to begin anew"
            )
        return last
    shutil.rmtree(folder, ignore_errors=True)
    write_json(plan, {"fingerprint": fingerprint})
    return None


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest complete checkpoint of a folder; its Trainer's state is written last."""
    found = [path.parent for path in folder.glob("checkpoint-*/trainer_state.json")]
    return max(found, key=_step, default=None)


def _step(checkpoint: Path | None) -> int:
    return 0 if checkpoint is None else int(checkpoint.name.rpartition("-")[2])


def _fingerprint(recipe: NetworkRecipe, rows: LearningRows, label_set: LabelSet) -> str:
    """Return the hash of everything that decides the weights."""
    digest = hashlib.sha256(repr((torch.__version__, version("transformers"))).encode())
    decisive = {
        name: value
        for name, value in msgspec.to_builtins(recipe).items()
        if name in NetworkRecipe.__struct_fields__
    }
    digest.update(msgspec.json.encode(decisive, order="sorted"))
    digest.update(msgspec.json.encode(label_set, order="sorted"))
    for part in (rows.train, rows.validation):
        digest.update(msgspec.json.Encoder(order="sorted").encode_lines(part))
    return digest.hexdigest()


def _epochs(trainer: CallTrainer) -> tuple[Epoch, ...]:
    """Return the validations of a run."""
    return tuple(
        Epoch(
            epoch=round(line["epoch"]),
            step=int(line["step"]),
            validation_loss=round(line["eval_loss"], 5),
            accuracy={
                name.removeprefix("eval_"): round(value, 5)
                for name, value in line.items()
                if name.endswith("_acc")
            },
        )
        for line in trainer.state.log_history
        if AVERAGE_METRIC in line
    )

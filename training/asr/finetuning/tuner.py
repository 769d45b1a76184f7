"""A Whisper of Hugging Face as it learns: its parameters, one step, what a checkpoint keeps."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import msgspec
import torch
from peft import LoraConfig, get_peft_model

from models.audio.samples import SAMPLE_RATE_HZ
from training.asr.finetuning.network import build_network, decode, encode
from training.asr.finetuning.recipe import FineTuneRecipe
from training.asr.whisper.features import batch_log_mel, mel_filters
from training.asr.whisper.losses import IGNORED, token_loss
from training.core.devices import choose_device
from training.core.errors import RecipeError
from training.core.loop import StepFigures
from training.core.optimisers import Optimisers, learning_rate_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from torch import Tensor
    from transformers import WhisperForConditionalGeneration

    from training.asr.finetuning.base import BaseWeights
    from training.asr.finetuning.batches import ClipBatch
    from training.asr.finetuning.recipe import LowRank

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_SEED_STRIDE = 1_000_003  # a prime: the steps of neighbouring seeds draw differently
_DECIDING = ("base", "data", "method", "lora", "freeze", "seed")  # a resumed run keeps these


class Tuner:
    """The network of a run, its optimisers, and the number of steps they have taken.

    Args:
        recipe: Which parameters learn, and how.
        base: To begin with.

    Raises:
        RecipeError: The machine lacks the device or the precision, or a name fits no layer.
    """

    def __init__(self, recipe: FineTuneRecipe, base: BaseWeights) -> None:
        self.device = find_device(recipe)
        torch.manual_seed(recipe.seed)
        self._recipe = recipe
        network = build_network(*base.network_state())
        self.adapters: Any = None  # PEFT's model around the network
        if recipe.method == "lora":
            self.adapters = add_adapters(network, recipe.lora, recipe.base.model)
        else:
            freeze(network, recipe.freeze)
        untyped: Any = network  # its stubs are those of another class
        self.network: WhisperForConditionalGeneration = untyped.to(self.device)
        if recipe.optimisation.gradient_checkpointing:
            self.network.gradient_checkpointing_enable({"use_reentrant": False})
        self._optimisers = Optimisers(self._learnt().items(), recipe.optimisation)
        self._scaler = torch.amp.GradScaler(
            self.device.type, enabled=recipe.optimisation.precision == "fp16"
        )
        self._filters = mel_filters(base.dims["n_mels"]).to(self.device)
        self._is_cut = base.is_cut
        self.step = 0

    def learn(self, batches: Sequence[ClipBatch]) -> StepFigures:
        """Take one step on all of the batches and return its figures."""
        settings = self._recipe.optimisation
        torch.manual_seed(self._recipe.seed * _SEED_STRIDE + self.step)  # of the dropout
        self.network.train()
        counts = [int((batch.targets != IGNORED).sum()) for batch in batches]
        loss = 0.0
        for batch, count in zip(batches, counts, strict=True):
            share = self.token_loss(batch, self.features(batch)) * (count / sum(counts))
            self._scaler.scale(share).backward()  # type: ignore[no-untyped-call]
            loss += float(share.detach())
        norm = self._clip()
        self._optimisers.step(self.step, self._scaler)
        self._scaler.update()
        self.network.zero_grad(set_to_none=True)
        if self._is_cut:
            self._hold_constant()
        means = {"token": loss, "learning_rate": learning_rate_at(self.step, settings)}
        self.step += 1
        is_skipped = self._scaler.is_enabled() and not math.isfinite(norm)
        return StepFigures(means | ({} if is_skipped else {"norm": norm}), _sizes(batches))

    def disable_dropout(self) -> None:
        """Compute without dropout until the next step."""
        self.network.eval()  # type: ignore[no-untyped-call]

    def token_loss(self, batch: ClipBatch, features: Tensor) -> Tensor:
        """Return the cross-entropy of a batch with these features, a scalar."""
        with self.autocast():
            logits = decode(self.network, batch.tokens.to(self.device), features)
        return token_loss(logits, batch.targets.to(self.device))

    def features(self, batch: ClipBatch) -> Tensor:
        """Return the encoder's features of a batch, shape (batch, positions, width)."""
        mel = batch_log_mel(batch.audio.to(self.device), self._filters)
        if batch.masks is not None:
            blank = mel.mean(dim=(1, 2), keepdim=True)
            mel = torch.where(batch.masks.to(self.device), blank, mel)
        with self.autocast():
            return encode(self.network, mel)

    def autocast(self) -> AbstractContextManager[Any]:
        """Return a context with the precision of the recipe."""
        precision = self._recipe.optimisation.precision
        if precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, _DTYPES[precision])

    def parameters(self) -> dict[str, Tensor]:
        """Return a copy of the parameters that learn, by name, in the CPU's memory."""
        return {name: p.detach().cpu().clone() for name, p in self._learnt().items()}

    def put(self, tensors: Mapping[str, Tensor]) -> None:
        """Set the parameters that learn."""
        learnt = self._learnt()
        with torch.no_grad():
            for name, tensor in tensors.items():
                learnt[name].copy_(tensor)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {
            "step": self.step,
            "recipe": msgspec.json.encode(self._recipe),
            "parameters": self.parameters(),
            "optimisers": self._optimisers.state(),
            "scaler": self._scaler.state_dict(),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on from a checkpoint; after a change of the method the optimisers begin afresh.

        Raises:
            RecipeError: The checkpoint is of a run with other weights or other data.
        """
        before = msgspec.json.decode(saved["recipe"], type=FineTuneRecipe)
        for name in _DECIDING:
            if getattr(before, name) != getattr(self._recipe, name):
                raise RecipeError(
                    f"the checkpoint was trained with another {name!r}: undo the change, "
                    "or begin afresh without --resume"
                )
        self.put(saved["parameters"])
        self.step = saved["step"]
        if before.optimisation.method == self._recipe.optimisation.method:
            self._optimisers.restore(saved["optimisers"])
        if self._scaler.is_enabled() and saved["scaler"]:
            self._scaler.load_state_dict(saved["scaler"])

    def _learnt(self) -> dict[str, torch.nn.Parameter]:
        return {name: p for name, p in self.network.named_parameters() if p.requires_grad}

    def _hold_constant(self) -> None:
        """Restore the constant with the tokens' biases, see `training.asr.scratch.network`."""
        norm = self.network.model.decoder.layer_norm
        with torch.no_grad():
            norm.weight[-1] = 0.0
            norm.bias[-1] = 1.0

    def _clip(self) -> float:
        for optimiser in self._optimisers.each:
            self._scaler.unscale_(optimiser)
        limit = self._recipe.optimisation.clip_norm
        return float(torch.nn.utils.clip_grad_norm_(list(self._learnt().values()), limit))


def find_device(recipe: FineTuneRecipe) -> torch.device:
    """Return the device of a run.

    Raises:
        RecipeError: There is no such device, or it lacks the precision.
    """
    device = choose_device(recipe.device)
    if device.type != "cuda" and recipe.optimisation.precision == "fp16":
        raise RecipeError("optimisation.precision 'fp16' is for CUDA; use 'fp32' or 'bf16'")
    return device


def add_adapters(network: WhisperForConditionalGeneration, settings: LowRank, base: str) -> Any:
    """Return PEFT's model around the network, whose layers now have adapters, all else frozen.

    Raises:
        RecipeError: A target fits no layer.
    """
    known = {
        name.rpartition(".")[2]
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Linear) and ".layers." in name
    }
    for target in settings.targets:
        if target not in known:
            raise RecipeError(f"lora.targets: no layer {target!r}, only {', '.join(sorted(known))}")
    network.name_or_path = base
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.targets),
        base_model_name_or_path=base,
    )
    return get_peft_model(network, config)


def freeze(network: WhisperForConditionalGeneration, parts: Sequence[str]) -> None:
    """Exclude from training the parameters whose names begin with one of the parts.

    Raises:
        RecipeError: A part fits no parameter, or nothing is left to learn.
    """
    named = [(name.removeprefix("model."), p) for name, p in network.named_parameters()]
    for part in parts:
        fitting = [p for name, p in named if name == part or name.startswith(f"{part}.")]
        if not fitting:
            raise RecipeError(f"freeze: no part of the network is called {part!r}")
        for parameter in fitting:
            parameter.requires_grad = False
    if not any(parameter.requires_grad for _, parameter in named):
        raise RecipeError("freeze: nothing is left to learn")


def _sizes(batches: Sequence[ClipBatch]) -> dict[str, float]:
    return {
        "utterances": sum(len(batch.audio) for batch in batches),
        "audio_seconds": sum(batch.audio.numel() for batch in batches) / SAMPLE_RATE_HZ,
    }

"""A Whisper that learns to hear short telephone audio as it hears long clean audio."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import msgspec
import torch
from torch.nn import functional

from training.asr.adaptation.recipe import AdaptationRecipe, Blend
from training.asr.finetuning.network import build_network, decoder_states, encode
from training.asr.finetuning.tuner import add_adapters
from training.asr.whisper.features import batch_log_mel, mel_filters
from training.asr.whisper.losses import IGNORED
from training.core.devices import choose_device
from training.core.errors import RecipeError
from training.core.loop import StepFigures
from training.core.optimisers import Optimisers, learning_rate_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from torch import Tensor
    from transformers import WhisperForConditionalGeneration

    from training.asr.adaptation.hearing import HeardBatch
    from training.asr.finetuning.base import BaseWeights

_CONSTANT = "encoder.embed_positions"
_SEED_STRIDE = 1_000_003  # a prime: the steps of neighbouring seeds draw differently
_DECIDING = (
    "teachers",
    "pieces",
    "method",
    "parts",
    "tokens",
    "lora",
    "seed",
)  # a resumed run keeps these


class Student:
    """The network of a run, its optimisers, and the running mean of its parameters.

    Args:
        recipe: Which parameters learn, and how.
        base: To begin with.

    Raises:
        RecipeError: A name fits no layer, or there is no such device.
    """

    def __init__(self, recipe: AdaptationRecipe, base: BaseWeights) -> None:
        self.device = choose_device(recipe.device)
        torch.manual_seed(recipe.seed)
        self._recipe = recipe
        network = build_network(*base.network_state())
        self.adapters: Any = None  # PEFT's model around the network
        if recipe.method == "lora":
            self.adapters = add_adapters(network, recipe.lora, recipe.teachers.model)
        else:
            keep_only(network, recipe.parts)
        untyped: Any = network  # its stubs are those of another class
        self.network: WhisperForConditionalGeneration = untyped.to(self.device)
        self._optimisers = Optimisers(self._learnt().items(), recipe.optimisation)
        self._filters = mel_filters(base.dims["n_mels"]).to(self.device)
        self._end = base.tokens.end_of_text
        self._teacher = self._start = self._copied()  # for a blend
        self._mean = self._copied()
        self.step = 0

    def learn(self, batch: HeardBatch) -> StepFigures:
        """Take one step on a batch and return its figures."""
        settings = self._recipe.optimisation
        torch.manual_seed(self._recipe.seed * _SEED_STRIDE + self.step)  # of the dropout
        self.network.train()
        features = self.encoded(batch.audio)
        losses = {"tokens": self._token_loss(batch, features)}
        if batch.states is not None:
            losses["states"] = self._state_loss(batch, features)
        weights = self._recipe.losses
        loss = sum(
            (getattr(weights, name) * value for name, value in losses.items()),
            torch.zeros((), device=self.device),
        )
        loss.backward()
        learnt = list(self._learnt().values())
        norm = float(torch.nn.utils.clip_grad_norm_(learnt, settings.clip_norm))
        self._optimisers.step(self.step)
        self.network.zero_grad(set_to_none=True)
        means = {name: float(value.detach()) for name, value in losses.items()}
        means |= {"norm": norm, "learning_rate": learning_rate_at(self.step, settings)}
        self.step += 1
        self._average()
        sizes = {"utterances": len(batch.audio), "audio_seconds": batch.audio.numel() / 16_000}
        return StepFigures(means, sizes)

    def encoded(self, audio: Tensor) -> Tensor:
        """Return the encoder's states of windows at 16 kHz, shape (batch, positions, width)."""
        mel = batch_log_mel(audio.to(self.device), self._filters)
        with self.autocast():
            return encode(self.network, mel)

    def autocast(self) -> AbstractContextManager[Any]:
        """Return a context with the precision of the recipe."""
        if self._recipe.optimisation.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def parameters(self) -> dict[str, Tensor]:
        """Return the running mean of the parameters that learn, by name, in the CPU's memory."""
        return {name: tensor.detach().cpu().clone() for name, tensor in self._mean.items()}

    def put(self, tensors: Mapping[str, Tensor]) -> None:
        """Set parameters that learn, and the mean of all.

        Raises:
            RecipeError: They are of another network or of other parts.
        """
        learnt = self._learnt()
        if any(name not in learnt or learnt[name].shape != t.shape for name, t in tensors.items()):
            raise RecipeError("the parameters to begin with are not those of this recipe's parts")
        with torch.no_grad():
            for name, tensor in tensors.items():
                learnt[name].copy_(tensor)
        self._mean = self._copied()

    def remember(self) -> None:
        """Keep the present parameters as those that the learning begins with."""
        self._start = self._copied()

    def blend(self, shares: Blend) -> None:
        """Mix the parameters with those from the beginning and with the teacher's.

        Args:
            shares: Of each.
        """
        self.put(
            {
                name: shares.learnt * learnt.detach()
                + shares.start * self._start[name]
                + shares.teacher * self._teacher[name]
                for name, learnt in self._learnt().items()
            }
        )

    def averaged(self) -> AbstractContextManager[None]:
        """Return a context in which the network has the mean of its parameters."""
        return _Swapped(self._learnt(), self._mean)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {
            "step": self.step,
            "recipe": msgspec.json.encode(self._recipe),
            "network": {name: p.detach().cpu().clone() for name, p in self._learnt().items()},
            "parameters": self.parameters(),
            "optimisers": self._optimisers.state(),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on from a checkpoint.

        Raises:
            RecipeError: The checkpoint is of a run with other weights or other data.
        """
        before = msgspec.json.decode(saved["recipe"], type=AdaptationRecipe)
        for name in _DECIDING:
            if getattr(before, name) != getattr(self._recipe, name):
                raise RecipeError(
                    f"the checkpoint was trained with another {name!r}: undo the change, "
                    "or begin afresh without --resume"
                )
        self.put(saved["network"])
        self._mean = {name: tensor.to(self.device) for name, tensor in saved["parameters"].items()}
        self.step = saved["step"]
        self._optimisers.restore(saved["optimisers"])

    def _token_loss(self, batch: HeardBatch, features: Tensor) -> Tensor:
        """Return the mean cross-entropy of the text, its end counted more."""
        weights = self._recipe.losses
        targets = batch.targets.to(self.device)
        is_text = targets != IGNORED
        wanted = targets[is_text]
        with self.autocast():
            states = decoder_states(self.network, batch.tokens.to(self.device), features)
            logits = self.network.proj_out(states[is_text])  # padding costs as much as text here
        each = functional.cross_entropy(
            logits.float(), wanted, reduction="none", label_smoothing=weights.smoothing
        )
        counts = torch.where(wanted == self._end, weights.end_weight, 1.0)
        return (each * counts).sum() / counts.sum()

    def _state_loss(self, batch: HeardBatch, features: Tensor) -> Tensor:
        """Return the squared distance to the teacher's states, relative to their square."""
        assert batch.states is not None
        assert batch.is_known is not None
        wanted = batch.states.to(self.device).float()
        is_known = batch.is_known.to(self.device)[..., None]
        missed = ((features.float() - wanted) ** 2 * is_known).sum()
        return missed / (wanted**2 * is_known).sum()

    def _learnt(self) -> dict[str, torch.nn.Parameter]:
        return {name: p for name, p in self.network.named_parameters() if p.requires_grad}

    def _copied(self) -> dict[str, Tensor]:
        return {name: p.detach().clone() for name, p in self._learnt().items()}

    def _average(self) -> None:
        """Move the mean on; it forgets its beginning faster while it is young."""
        decay = min(self._recipe.optimisation.average, self.step / (self.step + 9))
        for name, parameter in self._learnt().items():
            self._mean[name].lerp_(parameter.detach(), 1 - decay)


class _Swapped:
    """A context in which parameters have other values."""

    def __init__(
        self, parameters: Mapping[str, torch.nn.Parameter], values: Mapping[str, Tensor]
    ) -> None:
        self._pairs = list(_paired(parameters, values))

    def __enter__(self) -> None:
        self._kept = [parameter.detach().clone() for parameter, _ in self._pairs]
        for parameter, value in self._pairs:
            parameter.data.copy_(value)

    def __exit__(self, *_error: object) -> None:
        for (parameter, _), value in zip(self._pairs, self._kept, strict=True):
            parameter.data.copy_(value)


def _paired(
    parameters: Mapping[str, torch.nn.Parameter], values: Mapping[str, Tensor]
) -> Iterator[tuple[torch.nn.Parameter, Tensor]]:
    for name, parameter in parameters.items():
        yield parameter, values[name]


def keep_only(network: WhisperForConditionalGeneration, parts: tuple[str, ...]) -> None:
    """Let only the parameters learn whose names begin with one of the parts.

    The encoder's positions stay: they are a constant of Whisper.

    Raises:
        RecipeError: A part fits no parameter.
    """
    named = [(name.removeprefix("model."), p) for name, p in network.named_parameters()]
    for part in parts:
        if not any(name == part or name.startswith(f"{part}.") for name, _ in named):
            raise RecipeError(f"parts: no part of the network is called {part!r}")
    for name, parameter in named:
        is_named = any(name == part or name.startswith(f"{part}.") for part in parts)
        parameter.requires_grad = is_named and not name.startswith(_CONSTANT)

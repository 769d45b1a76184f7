"""The small Whisper as it learns: its losses, one step, and what a checkpoint keeps."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist

from models.audio.samples import SAMPLE_RATE_HZ
from training.asr.scratch.checkpoint import header, recipe_of
from training.asr.scratch.network import SpeechNetwork
from training.asr.whisper.features import batch_log_mel, mel_filters
from training.asr.whisper.losses import ctc_loss, guided_attention_loss, phone_loss, token_loss
from training.core.loop import StepFigures
from training.core.optimisers import Optimisers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.asr.scratch.batches import Batch
    from training.asr.scratch.inventory import Inventory
    from training.asr.scratch.recipe import Recipe


class SpeechLearner:
    """The network of a run, its optimisers, and the number of steps they have taken.

    Args:
        recipe: Sizes, losses, schedule; the network is initialised from its seed.
        inventory: The tokens and phones to predict.
    """

    def __init__(self, recipe: Recipe, inventory: Inventory) -> None:
        torch.manual_seed(recipe.seed)
        self._recipe = recipe
        self._inventory = inventory
        sizes = {name: len(phones) for name, phones in inventory.phone_sets.items()}
        self.network = SpeechNetwork(
            recipe.network, vocabulary=len(inventory.vocabulary), phone_sets=sizes
        )
        learnt = [p for p in self.network.parameters() if p.requires_grad]
        self._gradients = _share_gradients(learnt)
        self._optimisers = Optimisers(self.network.named_parameters(), recipe.optimisation)
        self._filters = mel_filters(recipe.network.mel_bands)
        self.step = 0

    def learn(self, batch: Batch) -> StepFigures:
        """Take one step on a batch and return its losses."""
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
        means = {name: loss.item() for name, loss in losses.items()}
        return StepFigures({**means, "norm": float(norm)}, _sizes(batch, settings.processes))

    def parameters(self) -> dict[str, torch.Tensor]:
        """Return the network's parameters."""
        return self.network.state_dict()

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return header(self._recipe, self._inventory) | {
            "step": self.step,
            "network": self.parameters(),
            "optimisers": self._optimisers.state(),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on from a checkpoint.

        The optimisers begin afresh after a change of the method, and where the checkpoint has no
        state of theirs, which is what a change of the vocabulary leaves.
        """
        self.network.load_state_dict(saved["network"])
        self.step = saved["step"]
        before = recipe_of(saved).optimisation.method
        if before == self._recipe.optimisation.method and saved.get("optimisers"):
            self._optimisers.restore(saved["optimisers"])

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


def _share_gradients(parameters: list[torch.nn.Parameter]) -> torch.Tensor:
    """Return one flat tensor of which every parameter's gradient is a view."""
    flat = torch.zeros(sum(p.numel() for p in parameters))
    start = 0
    for parameter in parameters:
        parameter.grad = flat[start : start + parameter.numel()].view_as(parameter)
        start += parameter.numel()
    return flat


def _sizes(batch: Batch, processes: int) -> dict[str, float]:
    return {
        "utterances": len(batch.tokens) * processes,
        "audio_seconds": batch.audio.numel() * processes / SAMPLE_RATE_HZ,
    }

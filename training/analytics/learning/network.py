"""The two parts of a network: layers that never change, and those from the lowest adapted one."""

from __future__ import annotations

import resource
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from training.analytics.learning.base import add_adapter, load_model, lowest_layer
from training.analytics.learning.start import starting_pairs
from training.analytics.learning.turn_reader import turn_reader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from peft import PeftModel
    from torch import Tensor

    from training.analytics.adapters.lora import LoraPair
    from training.analytics.learning.base import BaseFiles
    from training.analytics.learning.recipe import AnalyticsRecipe
    from training.analytics.learning.rows import Row
    from training.analytics.learning.turn_reader import TurnReader


class Answers(NamedTuple):
    """The tokens of some rows that are to be predicted.

    Attributes:
        rows: Of each, its row in the batch.
        places: Of each, the place of the token before it.
        tokens: To be predicted.
        weights: How much each counts.
    """

    rows: Tensor
    places: Tensor
    tokens: Tensor
    weights: Tensor


class AdaptedNetwork:
    """A base with an adapter on its upper layers.

    Rows are padded on the right. Attention looks back only, so that padding changes no state of a
    row and needs no mask.

    Args:
        adapted: Base and adapter.
        lowest: Number of the lowest adapted layer.
        is_bf16: Compute in bfloat16.
        reader: Learns beside the adapter what turns show, and is no part of it; None where that is
            not learnt.

    Attributes:
        adapted: Base and adapter.
        device: Where both are.
        lowest: As given.
        reader: As given.
    """

    libraries: tuple[str, ...] = ("torch", "peft")

    def __init__(
        self, adapted: PeftModel, lowest: int, *, is_bf16: bool, reader: TurnReader | None = None
    ) -> None:
        self.reader = reader
        self.adapted = adapted
        self.lowest = lowest
        self._causal = _base_of(adapted)
        self._core = self._causal.model
        self._is_bf16 = is_bf16
        self.device: torch.device = self._core.embed_tokens.weight.device

    @property
    def layers(self) -> int:
        """Number of all layers."""
        return len(self._core.layers)

    def trainable(self) -> dict[str, torch.nn.Parameter]:
        """Return the parameters of the adapter by name."""
        return {n: p for n, p in self.adapted.named_parameters() if p.requires_grad}

    def parameters(self) -> int:
        """Return the number of all parameters, those of base and adapter."""
        return sum(p.numel() for p in self.adapted.parameters())

    def trainable_parameters(self) -> int:
        """Return the number of parameters of the adapter."""
        return sum(p.numel() for p in self.trainable().values())

    def peak_memory(self) -> int:
        """Return the bytes that this process took at most, or those on CUDA."""
        if self.device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self.device))
        return peak_memory_of_process()

    def device_name(self) -> str:
        """Return where it is computed."""
        device = self.device
        return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type

    def lower_states(self, ids: Tensor) -> Tensor:
        """Return the states below the lowest adapted layer, shape (rows, width, size)."""
        with torch.no_grad(), self._autocast():
            return self._through(self._core.embed_tokens(ids), 0, self.lowest)

    def read(self, states: Tensor, answers: Answers) -> tuple[Tensor, Tensor]:
        """Return the logits of the tokens to be predicted, and of no others; and middle states.

        Args:
            states: Of `lower_states`.
            answers: Which tokens.

        Returns:
            The logits, shape (tokens, vocabulary), and the states in the middle of the adapted
            layers, shape (rows, width, size).
        """
        middle = (self.lowest + self.layers + 1) // 2
        with self._autocast():
            between = self._through(states, self.lowest, middle)
            states = self._through(between, middle, self.layers)
            chosen = states[answers.rows, answers.places]
            logits: Tensor = self._causal.lm_head(self._core.norm(chosen))
            return logits.float(), between.float()

    def begin_with(self, pairs: Mapping[str, LoraPair]) -> None:
        """Take the matrices of an adapter, by module; what is not among them stays."""
        parameters = self.trainable()
        with torch.no_grad():
            for module, pair in pairs.items():
                for letter, matrix in (("A", pair.a), ("B", pair.b)):
                    name = f"base_model.model.{module}.lora_{letter}.default.weight"
                    parameters[name].copy_(torch.tensor(matrix))

    def save_adapter(self, folder: Path) -> None:
        """Write the adapter as PEFT reads it."""
        self.adapted.save_pretrained(str(folder), save_embedding_layers=False)

    def _through(self, states: Tensor, first: int, end: int) -> Tensor:
        positions = torch.arange(states.shape[1], device=states.device)[None]
        rotary = self._core.rotary_emb(states, position_ids=positions)
        for layer in self._core.layers[first:end]:
            states = layer(
                states,
                attention_mask=None,
                position_ids=positions,
                position_embeddings=rotary,
                use_cache=False,
            )
        return states

    def _autocast(self) -> AbstractContextManager[Any]:
        if not self._is_bf16:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)


def _base_of(adapted: PeftModel) -> Any:
    """Return the base with the adapter's matrices in its layers."""
    return adapted.get_base_model()


def peak_memory_of_process() -> int:
    """Return the bytes that this process took at most."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux kilobytes


def load_network(recipe: AnalyticsRecipe, files: BaseFiles, device: torch.device) -> AdaptedNetwork:
    """Return the base of a recipe with its adapter.

    Errors as of `load_model`, `starting_pairs` and `turn_reader`.
    """
    model = load_model(files, recipe.base, device)
    lowest = lowest_layer(model, recipe)
    pairs = starting_pairs(recipe.lora, files, model.config.num_hidden_layers)
    network = AdaptedNetwork(
        add_adapter(model, recipe),
        lowest,
        is_bf16=recipe.base.precision == "bf16",
        reader=turn_reader(recipe, model.config.hidden_size, device),
    )
    network.begin_with(pairs)
    return network


def padded_ids(rows: Sequence[Row], device: torch.device) -> Tensor:
    """Return the tokens of rows without the last of each, which predicts nothing; padded."""
    width = max(len(row.ids) for row in rows) - 1
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    for index, row in enumerate(rows):
        ids[index, : len(row.ids) - 1] = torch.tensor(row.ids[:-1])
    return ids.to(device)


def weighted_answers(rows: Sequence[Row], device: torch.device) -> Answers:
    """Return the tokens of rows that count."""
    chosen = [
        (index, row.begin + offset - 1, row.ids[row.begin + offset], weight)
        for index, row in enumerate(rows)
        for offset, weight in enumerate(row.weights)
        if weight > 0
    ]
    numbers = torch.tensor([each[:3] for each in chosen], dtype=torch.long).reshape(-1, 3)
    weights = torch.tensor([each[3] for each in chosen], dtype=torch.float32)
    places = numbers.to(device)
    return Answers(places[:, 0], places[:, 1], places[:, 2], weights.to(device))

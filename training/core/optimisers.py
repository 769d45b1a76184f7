"""The optimisers, AdamW and Muon, and the schedule of the learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec
import torch

from training.core.recipes import below_one, below_zero, not_above_zero

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    NamedParameters = Sequence[tuple[str, torch.nn.Parameter]]

_BETAS = (0.9, 0.98)  # Whisper's, appendix F
_LAYERS = (".blocks.", ".layers.")  # in the names of openai-whisper and of Hugging Face


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Linear warm-up, a plateau, and a linear decay to 0 from ``decay_from`` to ``steps``.

    ``method`` ``muon`` orthogonalises the updates of the layers' matrices; ``adamw`` does not.
    """

    steps: int
    decay_from: int
    warmup_steps: int = 300
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    method: Literal["adamw", "muon"] = "adamw"


def wrong_schedule(schedule: Schedule, table: str) -> list[str]:
    """Return what is wrong with the numbers of a schedule; ``table`` is its name in the recipe."""
    never_negative = {
        f"{table}.{name}": getattr(schedule, name)
        for name in ("decay_from", "warmup_steps", "weight_decay")
    }
    always_positive = {
        f"{table}.{name}": getattr(schedule, name) for name in ("learning_rate", "clip_norm")
    }
    return [
        *below_one({f"{table}.steps": schedule.steps}),
        *below_zero(never_negative),
        *not_above_zero(always_positive),
    ]


def learning_rate_at(step: int, schedule: Schedule) -> float:
    """Return the learning rate of a step: linear warm-up, a plateau, linear decay to 0."""
    warm = min(1.0, (step + 1) / max(schedule.warmup_steps, 1))
    remaining = schedule.steps - step
    decay = min(1.0, remaining / max(schedule.steps - schedule.decay_from, 1))
    return schedule.learning_rate * min(warm, max(decay, 0.0))


class Optimisers:
    """One optimiser, or two that share the parameters.

    Muon takes the matrices of the layers, at a rate under which its updates are as large as
    AdamW's; AdamW takes everything else.

    Args:
        named: The network's parameters; those that need no gradient are left alone.
        schedule: Method, rates and decay.

    Source: Jordan et al. 2024, "Muon"; the scaled rate is that of Liu et al. 2025,
    arXiv:2502.16982.
    """

    def __init__(self, named: Iterable[tuple[str, torch.nn.Parameter]], schedule: Schedule) -> None:
        self._schedule = schedule
        self.each = _make(
            [(name, p) for name, p in named if p.requires_grad],
            schedule,
        )

    def step(self, number: int, scaler: torch.amp.GradScaler | None = None) -> None:
        """Update the parameters with their gradients, at the rate of step ``number``.

        Args:
            number: Of the step, from 0.
            scaler: Of fp16 gradients; skips the step where they overflowed.
        """
        rate = learning_rate_at(number, self._schedule)
        for optimiser in self.each:
            for group in optimiser.param_groups:
                group["lr"] = rate
            if scaler is None:
                optimiser.step()
            else:
                scaler.step(optimiser)

    def state(self) -> list[dict[str, Any]]:
        """Return the state of the optimisers, for a checkpoint."""
        return [optimiser.state_dict() for optimiser in self.each]

    def restore(self, state: list[dict[str, Any]]) -> None:
        """Go on from the state of optimisers of the same method and parameters."""
        for optimiser, memory in zip(self.each, state, strict=True):
            optimiser.load_state_dict(memory)


def _make(named: NamedParameters, schedule: Schedule) -> tuple[torch.optim.Optimizer, ...]:
    decayed = [(name, p) for name, p in named if p.ndim > 1 and "embed" not in name]
    is_muon = schedule.method == "muon"
    matrices = [p for name, p in decayed if is_muon and _is_of_a_layer(name, p)]
    taken = {id(p) for p in matrices}
    groups = [
        {
            "params": [p for _, p in decayed if id(p) not in taken],
            "weight_decay": schedule.weight_decay,
        },
        {
            "params": [p for name, p in named if p.ndim <= 1 or "embed" in name],
            "weight_decay": 0.0,
        },
    ]
    rate = schedule.learning_rate
    made: list[torch.optim.Optimizer] = []
    if any(group["params"] for group in groups):
        made.append(torch.optim.AdamW(groups, lr=rate, betas=_BETAS, fused=True))
    if matrices:
        made.append(
            torch.optim.Muon(
                matrices,
                lr=rate,
                weight_decay=schedule.weight_decay,
                adjust_lr_fn="match_rms_adamw",
            )
        )
    return tuple(made)


def _is_of_a_layer(name: str, parameter: torch.nn.Parameter) -> bool:
    is_matrix = parameter.ndim == 2  # noqa: PLR2004
    return is_matrix and any(part in name for part in _LAYERS)

"""The part of a recipe that decides the weights: the encoder, the heads, the learning."""

from __future__ import annotations

from typing import Literal

import msgspec

from models.classification.readings import LONGEST, SHORTEST
from training.core.devices import DeviceName
from training.text.encoder_base import EncoderRecipe

DISTILBERT = "distilbert-base-uncased"

_SEEDS = 2**32  # that the generators of torch and numpy take


class HeadRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands on the encoder.

    Attributes:
        pooling: The text vector: the last state of the first token, as the document has it, or the
            mean over the tokens, as sentence encoders have it.
        dropout: Before the heads.
    """

    pooling: Literal["first", "mean"] = "first"
    dropout: float = 0.1


class Learning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the network learns; the defaults are the document's.

    Attributes:
        max_tokens: Of a window, special tokens included. Each epoch reads one window of a row, at
            a place drawn anew where the row is longer.
        epochs: At most; the one with the highest ``eval_avg_acc`` is kept.
        patience: Epochs in a row without a better one that end the run; 0 never does.
        batch: Rows of a step.
        learning_rate: At its highest.
        head_rate: By which it is multiplied for the shared layer and the heads.
        warmup: Share of the steps until there; then it falls linearly to 0.
        weight_decay: Of AdamW, for matrices.
        clip_norm: Largest norm of the gradient.
        label_smoothing: Probability that is moved from the right label to all, in tasks with one
            label a row.
        class_weights: 0 counts every row alike, 1 every label; 0.5 is between the two.
        source_shares: Of a source's rows, how many an epoch reads: 0.25 reads another quarter in
            every epoch, 2 reads each twice. Sources that are not named are read once.
        bf16: Autocast to bfloat16; parameters and the optimiser stay fp32.
        tracking: ``mlflow`` also records the run there; needs the extra ``mlflow``.
        tracking_uri: Of MLflow; by default a SQLite file in the work folder.
    """

    max_tokens: int = 512
    epochs: int = 12
    patience: int = 3
    batch: int = 16
    learning_rate: float = 2e-5
    head_rate: float = 1.0
    warmup: float = 0.06
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    label_smoothing: float = 0.0
    class_weights: float = 0.0
    source_shares: dict[str, float] = {}
    bf16: bool = False
    tracking: Literal["none", "mlflow"] = "none"
    tracking_uri: str = ""


class NetworkRecipe(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides the weights, apart from the data.

    Attributes:
        name: Of the model.
        seed: Of the data, the heads, the windows, the order of the rows and dropout.
        base: The encoder; what a model of ``start`` has is taken instead.
        start: A trained model whose encoder and heads are taken, labels matched by name: its
            folder, a manifest of ``classification-export``, or ``bundled``.
        head: What stands on the encoder.
        learning: Rates, epochs, windows.
        threads: Of torch; figures repeat on the same machine with the same number.
        device: ``auto`` is CUDA where there is one, else the CPU.
    """

    name: str
    seed: int = 7
    base: EncoderRecipe = EncoderRecipe(DISTILBERT)
    start: str = ""
    head: HeadRecipe = HeadRecipe()
    learning: Learning = Learning()
    threads: int = 1
    device: DeviceName = "auto"


def wrong_numbers(recipe: NetworkRecipe) -> list[str]:
    """Return what is wrong with the numbers of a recipe, by setting."""
    learning, head = recipe.learning, recipe.head
    wrong = [] if recipe.threads >= 1 else ["threads must be 1 or more"]
    positions = recipe.base.positions
    if 0 < positions < learning.max_tokens:
        wrong.append("base.positions must not be below learning.max_tokens")
    if not SHORTEST <= learning.max_tokens <= LONGEST:
        wrong.append(f"learning.max_tokens must lie between {SHORTEST} and {LONGEST}")
    counts = {"epochs": learning.epochs, "batch": learning.batch}
    wrong += [f"learning.{name} must be 1 or more" for name, value in counts.items() if value < 1]
    rates = {
        "learning_rate": learning.learning_rate,
        "head_rate": learning.head_rate,
        "clip_norm": learning.clip_norm,
    }
    wrong += [f"learning.{name} must be above 0" for name, value in rates.items() if value <= 0]
    least_nothing = {
        "learning.patience": learning.patience,
        "learning.weight_decay": learning.weight_decay,
        "base.layers": recipe.base.layers,
        "base.positions": positions,
        "seed": recipe.seed,
    }
    wrong += [f"{name} must be 0 or more" for name, value in least_nothing.items() if value < 0]
    if recipe.seed >= _SEEDS:
        wrong.append(f"seed must be below {_SEEDS}")
    shares = {
        "learning.warmup": learning.warmup,
        "learning.label_smoothing": learning.label_smoothing,
        "head.dropout": head.dropout,
    }
    wrong += [
        f"{name} is a share, from 0 to below 1"
        for name, value in shares.items()
        if not 0 <= value < 1
    ]
    if not 0 <= learning.class_weights <= 1:
        wrong.append("learning.class_weights lies between 0 and 1")
    wrong += [
        f"learning.source_shares.{name} must not be below 0"
        for name, share in learning.source_shares.items()
        if share < 0
    ]
    return wrong

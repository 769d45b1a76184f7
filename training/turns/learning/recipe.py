"""The part of a recipe that decides one model: its base, its learning, its training set."""

from __future__ import annotations

from typing import Literal

import msgspec

from training.text.encoder_base import EncoderRecipe

MOBILEBERT = "google/mobilebert-uncased"


class BaseRecipe(EncoderRecipe, frozen=True, forbid_unknown_fields=True):
    """The encoder that every model starts from.

    Attributes:
        model: Also ``bundled``, the weights that callstream ships, or a folder or manifest of
            ``turns-export``: models start from its encoder and from its heads.
    """

    model: str = MOBILEBERT


class Learning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a model learns.

    Attributes:
        epochs: Over its training set; the best of them on the validation set is kept.
        batch: Texts of a step.
        learning_rate: At its highest.
        warmup: Share of the steps until there; then it falls linearly to 0.
        weight_decay: Of AdamW, for matrices.
        clip_norm: Largest norm of the gradient.
        label_smoothing: Probability that is moved from the right label to all.
        bf16: Autocast to bfloat16; parameters and the optimiser stay fp32.
        checkpoint_steps: Between two checkpoints.
        blend: How far the weights go from a start that knows the task to what was learnt: 1 all
            the way; less keeps more of what the start knows (Wortsman et al. 2022,
            arXiv:2109.01903).
    """

    epochs: int = 3
    batch: int = 32
    learning_rate: float = 5e-5
    warmup: float = 0.06
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    label_smoothing: float = 0.0
    bf16: bool = False
    checkpoint_steps: int = 500
    blend: float = 1.0


class Optimisation(Learning, frozen=True, forbid_unknown_fields=True):
    """How whole networks learn, and what all models share.

    Attributes:
        max_length: Tokens of a text; a longer one keeps its tail.
        dropout: Before the last layer.
    """

    max_length: int = 128
    dropout: float = 0.1


class HeadLearning(Learning, frozen=True, forbid_unknown_fields=True):
    """How heads on a frozen encoder learn.

    Attributes:
        calibrate: Divide the logits by the temperature that fits the validation set best. The
            encoder has seen the training texts, so that heads become overconfident.
    """

    epochs: int = 10
    batch: int = 256
    learning_rate: float = 1e-3
    calibrate: bool = True


class ModelRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model.

    Attributes:
        name: Of its folder.
        set: Its training set; the model's name by default.
        start_from: A model above it in the recipe whose weights it starts from. By default it
            starts from the base, with the base's head of its name or else ``general``.
        train: ``all``, or ``head``: the encoder stays that of the start, bit for bit.
        text: ``spoken`` as the recognizer writes, or ``written`` with capitals and punctuation.
        epochs: In place of the recipe's.
        examples: Of the training set, drawn by the seed; 0 takes all.
    """

    name: str
    set: str = ""
    start_from: str = ""
    train: Literal["all", "head"] = "all"
    text: Literal["spoken", "written"] = "spoken"
    epochs: int = 0
    examples: int = 0

    @property
    def training_set(self) -> str:
        """Return the set that the model learns from."""
        return self.set or self.name

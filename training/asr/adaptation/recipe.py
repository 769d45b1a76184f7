"""An adaptation, as one TOML file: teachers, speech, telephone line, losses, schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from training.asr.finetuning.recipe import LowRank, wrong_low_rank
from training.asr.speech.augment import Augmentation, wrong_augmentation
from training.core.devices import DeviceName
from training.core.optimisers import Schedule, wrong_schedule
from training.core.recipes import (
    below_one,
    below_zero,
    convert_recipe,
    not_above_zero,
    not_below_one,
    outside_unit,
    read_tables,
    refuse,
    wrong_name,
    wrong_seed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LONGEST_S = 25  # with the long tail, 30 s: the whole context


class Teachers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who says what the student is to hear.

    Attributes:
        model: Weights that learn; a frozen copy of them, which hears the clean audio with a long
            tail of silence, gives the encoder's states.
        writer: Weights that write the texts of pieces without one; a larger Whisper is better.
        tail_ms: Silence after what both hear.
        min_log_probability: Mean of a token, under which a text that only the writer vouches for
            is not used.
    """

    model: str
    writer: str
    tail_ms: int = 5_000
    min_log_probability: float = -0.4


class Corpus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is taken of a corpus.

    Attributes:
        name: Of its folder under ``speech``, or ``synthetic`` for shards of synthesised speech.
        cut: Times that its recordings are cut into pieces at pauses, each time at others.
        whole: Whether its recordings of at most ``max_seconds`` are taken whole as well.
        most: Recordings, evenly from all of it; 0 takes all.
        weight: How often its pieces are drawn, beside those of a corpus with 1.
    """

    name: str
    cut: int = 0
    whole: bool = True
    most: int = 0
    weight: int = 1


class Pieces(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The pieces of speech: lengths are drawn log-uniformly, and cut at the pause next to them."""

    min_seconds: float = 0.6
    max_seconds: float = 12.0
    corpora: tuple[Corpus, ...] = ()


class Hearing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the student hears of a piece.

    Attributes:
        line: The telephone line.
        clean_share: Pieces without the line, at the full rate.
        min_tail_ms: Least silence after a piece.
        max_tail_ms: Most of it.
        long_tail_share: Batches with ``long_tail_ms`` of it, as official weights want it.
        full_share: Batches at the encoder's full context.
        joined_share: Batches of pieces of one speaker joined to up to ``max_seconds`` of audio:
            long windows, of which pieces cut at pauses are too few.
        speed: Joined pieces are played up to this much slower or faster.
        non_speech_share: Windows of each batch without words: noise, tones and music of the line.
    """

    line: Augmentation = Augmentation()
    clean_share: float = 0.1
    min_tail_ms: int = 100
    max_tail_ms: int = 1_000
    long_tail_share: float = 0.1
    long_tail_ms: int = 5_000
    full_share: float = 0.02
    joined_share: float = 0.4
    speed: float = 0.1
    non_speech_share: float = 0.0


class AdaptationLosses(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Weights of the parts of the loss.

    Attributes:
        states: Squared distance of the encoder's states to the teacher's, relative to these.
        tokens: Cross-entropy of the text through the decoder.
        smoothing: Of the labels.
        end_weight: Of the end of text among the tokens: loops come from missing it.
    """

    states: float = 1.0
    tokens: float = 0.5
    smoothing: float = 0.05
    end_weight: float = 3.0


class AdaptationSchedule(Schedule, frozen=True, forbid_unknown_fields=True):
    """The schedule, and what each step takes in.

    Attributes:
        batch_seconds: Audio of a batch, tails counted.
        precision: ``bf16`` is autocast; parameters stay fp32.
        average: Decay a step of the running mean of the parameters, which is what is validated
            and written; 0 takes the parameters themselves.
        readers: Threads that prepare the batches to come.
    """

    batch_seconds: float = 40.0
    precision: Literal["fp32", "bf16"] = "bf16"
    average: float = 0.998
    readers: int = 1


class AdaptationValidation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The held-out sets that are watched.

    Attributes:
        every_steps: Between two validations.
        clips: Of each set.
        tail_ms: Silence after each clip.
    """

    every_steps: int = 500
    clips: int = 40
    tail_ms: int = 500


class Blend(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Shares in the weights that are written; they keep some of what the learning forgot.

    The rest is what was learnt. Source: Wortsman et al. 2022, arXiv:2109.01903.

    Attributes:
        start: Of what the learning parts began with.
        teacher: Of the teacher's.
    """

    start: float = 0.0
    teacher: float = 0.0

    @property
    def learnt(self) -> float:
        """Return the share of what was learnt."""
        return 1.0 - self.start - self.teacher


class AdaptationRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that decides the weights of a run.

    Attributes:
        method: ``full`` trains every parameter of ``parts``, ``lora`` adapters of ``lora``.
        parts: What learns: beginnings of parameters' names in Hugging Face's network.
        tokens: Vocabulary that the student keeps, as `callstream train asr-export` chooses it; 0
            keeps it whole.
        blend: Of what was learnt with what was there before, in what is written.
        start: What the learning parts begin with: ``bundled`` or other weights, or a run's
            ``checkpoint.pt``, relative to the work folder; empty is ``teachers.model``, which
            everything else begins with, and which stays the teacher.
    """

    name: str
    seed: int
    teachers: Teachers
    pieces: Pieces
    optimisation: AdaptationSchedule
    hearing: Hearing = Hearing()
    losses: AdaptationLosses = AdaptationLosses()
    method: Literal["full", "lora"] = "full"
    parts: tuple[str, ...] = ("encoder",)
    tokens: int = 0
    lora: LowRank = LowRank()
    validation: AdaptationValidation = AdaptationValidation()
    checkpoint_steps: int = 200
    report_steps: int = 25
    blend: Blend = Blend()
    start: str = ""
    device: DeviceName = "auto"


def read_adaptation_recipe(path: Path, changes: Sequence[str] = ()) -> AdaptationRecipe:
    """Return the recipe of a file, with ``table.key=value`` changes applied.

    Raises:
        RecipeError: The file, a change or a combination of settings is not valid.
    """
    recipe = convert_recipe(read_tables(path, changes), AdaptationRecipe, path)
    complaints = [
        *wrong_name(recipe.name, "name"),
        *wrong_seed(recipe.seed),
        *wrong_schedule(recipe.optimisation, "optimisation"),
        *wrong_augmentation(recipe.hearing.line, "hearing.line"),
        *wrong_low_rank(recipe.lora),
        *_wrong_counts(recipe),
        *_wrong_shares(recipe),
        *_broken_rules(recipe),
    ]
    refuse(complaints, path)
    return recipe


def _wrong_counts(recipe: AdaptationRecipe) -> list[str]:
    hearing = recipe.hearing
    counts = {
        "checkpoint_steps": recipe.checkpoint_steps,
        "report_steps": recipe.report_steps,
        "optimisation.readers": recipe.optimisation.readers,
        "validation.every_steps": recipe.validation.every_steps,
        "validation.clips": recipe.validation.clips,
    }
    least_nothing = {
        "tokens": recipe.tokens,
        "teachers.tail_ms": recipe.teachers.tail_ms,
        "validation.tail_ms": recipe.validation.tail_ms,
        "hearing.min_tail_ms": hearing.min_tail_ms,
        "hearing.long_tail_ms": hearing.long_tail_ms,
        "losses.states": recipe.losses.states,
        "losses.tokens": recipe.losses.tokens,
    }
    for corpus in recipe.pieces.corpora:
        name = f"pieces.corpora {corpus.name!r}:"
        counts[f"{name} weight"] = corpus.weight
        least_nothing |= {f"{name} cut": corpus.cut, f"{name} most": corpus.most}
    return [
        *below_one(counts),
        *below_zero(least_nothing),
        *not_above_zero({"losses.end_weight": recipe.losses.end_weight}),
    ]


def _wrong_shares(recipe: AdaptationRecipe) -> list[str]:
    names = ("clean_share", "long_tail_share", "full_share", "joined_share")
    shares = {f"hearing.{name}": getattr(recipe.hearing, name) for name in names}
    never_whole = {
        "hearing.non_speech_share": recipe.hearing.non_speech_share,
        "hearing.speed": recipe.hearing.speed,
        "losses.smoothing": recipe.losses.smoothing,
        "optimisation.average": recipe.optimisation.average,
    }
    return [*outside_unit(shares), *not_below_one(never_whole)]


def _broken_rules(recipe: AdaptationRecipe) -> list[str]:
    pieces, hearing = recipe.pieces, recipe.hearing
    rules = {
        "pieces.corpora names no corpus": not pieces.corpora,
        "pieces.min_seconds must lie in (0, max_seconds)": not (
            0 < pieces.min_seconds < pieces.max_seconds
        ),
        f"pieces.max_seconds must be {_LONGEST_S} or less": pieces.max_seconds > _LONGEST_S,
        "the shares of hearing must not exceed 1 together": hearing.long_tail_share
        + hearing.full_share
        + hearing.joined_share
        > 1,
        "blend is for method 'full': half of two adapters is not half of their product": (
            recipe.blend.learnt < 1 and recipe.method == "lora"
        ),
        "blend: shares of 0 or more must leave some for what was learnt": not (
            recipe.blend.start >= 0 <= recipe.blend.teacher and recipe.blend.learnt > 0
        ),
        "blend.start needs a start": recipe.blend.start > 0 and not recipe.start,
        "pieces.corpora: one that is neither cut nor taken whole gives no pieces": any(
            not corpus.cut and not corpus.whole for corpus in pieces.corpora
        ),
        "parts names nothing that learns": recipe.method == "full" and not recipe.parts,
        "hearing.min_tail_ms must not exceed max_tail_ms": hearing.min_tail_ms
        > hearing.max_tail_ms,
        "optimisation.batch_seconds must exceed pieces.max_seconds": (
            recipe.optimisation.batch_seconds <= pieces.max_seconds
        ),
    }
    return [text for text, is_broken in rules.items() if is_broken]

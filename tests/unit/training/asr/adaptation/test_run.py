"""Adaptation of tiny random Whispers, from pieces to weights."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
import torch

from models.asr.checkpoints.checkpoint import EMBEDDING
from models.asr.checkpoints.weights import find_weights
from tests.support.speech_training.tiny_adaptation import tiny_adaptation
from tests.support.speech_training.tone_speech import RECIPES
from tests.support.speech_training.whisper_fixtures import random_tensors, tiny_dims
from training.asr.adaptation.hearing import HearingBatches
from training.asr.adaptation.piece_store import PieceStore
from training.asr.adaptation.recipe import AdaptationRecipe, read_adaptation_recipe
from training.asr.adaptation.run import adapt, kept_tokens
from training.asr.adaptation.teaching import prepare_pieces
from training.asr.bundle.call_texts import CALL_TEXTS
from training.asr.bundle.vocabulary import cut_vocabulary
from training.asr.finetuning.base import load_base
from training.asr.finetuning.clips import Clip
from training.asr.finetuning.spelling import Speller
from training.asr.speech.augment import Background
from training.asr.speech.folders import SpeechFolders
from training.core.checkpoints import CHECKPOINT_NAME, read_checkpoint
from training.core.errors import MissingDataError, RecipeError
from training.core.run_metrics import read_metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result


def _batches(recipe: AdaptationRecipe, folders: SpeechFolders) -> tuple[HearingBatches, PieceStore]:
    store = prepare_pieces(recipe, folders)
    base = load_base(recipe.teachers.model)
    positions = base.dims["n_audio_ctx"]
    return HearingBatches(recipe, store, Speller(base), Background(None), positions), store


def test_the_encoder_learns_and_the_decoder_stays(tmp_path: Path, folders: SpeechFolders) -> None:
    """The weights say how short a tail they want, and the losses fall."""
    recipe = tiny_adaptation(tmp_path, optimisation={
        "steps": 60, "decay_from": 50, "warmup_steps": 4,
        "learning_rate": 3e-3, "batch_seconds": 4.0, "precision": "fp32"})  # fmt: skip

    adapted = adapt(recipe, folders, tmp_path / "out", resume=False)

    manifest = find_weights(str(adapted.weights)).manifest
    assert (manifest.encoder_context, manifest.pad_ms) == ("cut", 100)
    tensors, before = load_base(str(adapted.weights)).tensors, random_tensors(tiny_dims())
    for name, tensor in before.items():
        is_same = torch.equal(tensors[name].half(), tensor.half())
        assert is_same == (name.startswith("decoder.") or "positional" in name), name
    rows = [row for row in read_metrics(folders.work / "adapted") if "tokens" in row]
    first, last = (np.mean([row["tokens"] for row in part]) for part in (rows[:10], rows[-10:]))
    assert last < first - 0.3
    assert "wer_tones" in adapted.figures


def test_a_run_that_was_killed_ends_like_one_that_was_not(
    tmp_path: Path, folders: SpeechFolders
) -> None:
    """Bit by bit: parameters, their mean, the optimisers."""
    recipe = tiny_adaptation(tmp_path)
    adapt(recipe, folders, tmp_path / "one", resume=False)
    whole = read_checkpoint(folders.work / "adapted" / CHECKPOINT_NAME)

    again = msgspec.structs.replace(recipe, name="halved")
    with pytest.raises(_KilledError):
        _adapt_and_die(again, folders, tmp_path / "two", after=4)
    adapt(again, folders, tmp_path / "two", resume=True)
    resumed = read_checkpoint(folders.work / "halved" / CHECKPOINT_NAME)

    for kind in ("network", "parameters"):
        for name, tensor in whole[kind].items():
            assert torch.equal(resumed[kind][name], tensor), (kind, name)


class _KilledError(Exception):
    """The process ended here."""


def _adapt_and_die(
    recipe: AdaptationRecipe, folders: SpeechFolders, out: Path, *, after: int
) -> None:
    patched = pytest.MonkeyPatch()
    make = HearingBatches.make

    def failing(self: HearingBatches, number: int) -> Any:
        if number > after:
            raise _KilledError
        return make(self, number)

    patched.setattr(HearingBatches, "make", failing)
    try:
        adapt(recipe, folders, out, resume=False)
    finally:
        patched.undo()


def test_adapters_are_written_and_merged(tmp_path: Path, folders: SpeechFolders) -> None:
    """The folder is PEFT's; the merged weights differ in the targets alone."""
    recipe = tiny_adaptation(
        tmp_path, method="lora", lora={"rank": 4, "targets": ["q_proj", "fc1"]}
    )

    adapted = adapt(recipe, folders, tmp_path / "out", resume=False)

    assert (tmp_path / "out" / "adapted-adapter" / "adapter_config.json").is_file()
    tensors, before = load_base(str(adapted.weights)).tensors, random_tensors(tiny_dims())
    changed = {n for n, t in before.items() if not torch.equal(tensors[n].half(), t.half())}
    assert changed
    assert all(name.endswith((".query.weight", ".mlp.0.weight")) for name in changed)


def test_pieces_are_made_once(tmp_path: Path, folders: SpeechFolders) -> None:
    """However often their corpus is drawn; and others when the recipe says something else."""
    recipe = tiny_adaptation(tmp_path)
    first = prepare_pieces(recipe, folders)
    (index,) = (folders.work / "pieces").glob("synthetic-*/pieces.msgpack")
    written = index.stat().st_mtime_ns

    corpora = [{"name": "synthetic", "weight": 3}]
    pieces = {"min_seconds": 0.1, "max_seconds": 1.0, "corpora": corpora}
    prepare_pieces(tiny_adaptation(tmp_path, pieces=pieces), folders)
    assert index.stat().st_mtime_ns == written
    prepare_pieces(tiny_adaptation(tmp_path, seed=6), folders)

    assert len([*(folders.work / "pieces").glob("synthetic-*")]) == 2
    assert index.stat().st_mtime_ns == written
    assert [piece.text for piece in first.pieces[:2]] == ["Hello.", "Hello there."]
    assert first.states(0).shape == (first.pieces[0].positions, 32)


def test_a_batch_depends_on_the_seed_and_its_number_alone(
    tmp_path: Path, folders: SpeechFolders
) -> None:
    """Whatever was made before it."""
    batches, _ = _batches(tiny_adaptation(tmp_path), folders)
    wanted = [batches.make(number) for number in range(6)]

    for number in (5, 0, 3):
        again = batches.make(number)
        assert torch.equal(again.audio, wanted[number].audio)
        assert torch.equal(again.targets, wanted[number].targets)


def test_states_lie_where_the_audio_lies(tmp_path: Path, folders: SpeechFolders) -> None:
    """Nothing is asked of the tail, whose states the teacher does not know."""
    hearing = {"joined_share": 0.0, "clean_share": 1.0, "max_tail_ms": 200, "full_share": 0.0,
        "long_tail_share": 0.0}  # fmt: skip
    batches, store = _batches(tiny_adaptation(tmp_path, hearing=hearing), folders)

    batch = batches.make(0)

    assert batch.states is not None
    assert batch.is_known is not None
    for samples, states, is_known in zip(batch.audio, batch.states, batch.is_known, strict=True):
        number = next(
            n
            for n in range(len(store))
            if np.array_equal(store.samples(n), samples[: store.pieces[n].samples].numpy())
            and not samples[store.pieces[n].samples :].any()
        )
        positions = store.pieces[number].positions
        assert np.array_equal(states[:positions].numpy(), store.states(number))
        assert is_known.tolist() == [n < positions for n in range(len(is_known))]


def test_joined_pieces_carry_their_texts_in_order(tmp_path: Path, folders: SpeechFolders) -> None:
    """And no states: the teacher never heard them together."""
    hearing = {"joined_share": 1.0, "clean_share": 1.0, "max_tail_ms": 200, "full_share": 0.0,
        "long_tail_share": 0.0}  # fmt: skip
    recipe = tiny_adaptation(tmp_path, hearing=hearing)
    batches, store = _batches(recipe, folders)
    speller = Speller(load_base(recipe.teachers.model))

    batch = batches.make(0)

    assert batch.states is None
    known = {piece.text for piece in store.pieces}
    for targets in batch.targets:
        kept = [int(token) for token in targets if token >= 0]
        assert kept[-1] == speller.end
        sentences = [f"{part.strip()}." for part in speller.text(kept[1:-1]).split(".") if part]
        assert set(sentences) <= known


def test_windows_without_words_end_at_once(tmp_path: Path, folders: SpeechFolders) -> None:
    """About as many as the recipe says; the others keep their texts and states."""
    recipe = tiny_adaptation(tmp_path, hearing={"joined_share": 0.0, "non_speech_share": 0.4})
    batches, _ = _batches(recipe, folders)
    tokens = load_base(recipe.teachers.model).tokens
    silent = heard = 0
    for number in range(20):
        batch = batches.make(number)
        known = batch.is_known if batch.is_known is not None else torch.zeros(len(batch.audio), 1)
        for targets, is_known in zip(batch.targets, known, strict=True):
            written = [int(token) for token in targets if token >= 0]
            is_silent = written == [tokens.no_speech, tokens.end_of_text]
            assert bool(is_known.any()) != is_silent
            assert is_silent or len(written) > 2
            silent, heard = silent + is_silent, heard + 1
    assert 0.25 < silent / heard < 0.55


def test_a_corpus_with_a_weight_is_drawn_as_often(tmp_path: Path, folders: SpeechFolders) -> None:
    """Both kinds of batches."""
    single = _batches(tiny_adaptation(tmp_path), folders)[0]
    pieces = {"min_seconds": 0.1, "max_seconds": 1.0,
        "corpora": [{"name": "synthetic", "weight": 2}]}  # fmt: skip
    double = _batches(tiny_adaptation(tmp_path, pieces=pieces), folders)[0]

    counts = [np.unique(np.bincount(one._by_length)) for one in (single, double)]
    assert [count.tolist() for count in counts] == [[1], [2]]
    assert len(double._groups) == 2 * len(single._groups)


def test_a_student_with_a_part_of_the_vocabulary_keeps_the_style(
    tmp_path: Path, folders: SpeechFolders
) -> None:
    """What is written has the whole vocabulary; tokens that were cut are the teacher's."""
    _write_call_texts(folders)
    base = load_base(tiny_adaptation(tmp_path).teachers.model)
    size = len(base.tokens.pieces) - 20_000
    recipe = tiny_adaptation(tmp_path, parts=["encoder", "decoder"], tokens=size)

    adapted = load_base(str(adapt(recipe, folders, tmp_path / "out", resume=False).weights))

    kept = kept_tokens(recipe, base, folders)
    assert len(kept) == size
    cut = sorted(set(range(len(base.tokens.pieces))) - set(kept))
    before, after = base.tensors[EMBEDDING].half(), adapted.tensors[EMBEDDING].half()
    assert torch.equal(after[cut], before[cut])
    assert not torch.equal(after[list(kept)], before[list(kept)])
    small = replace(base, checkpoint=cut_vocabulary(base.checkpoint, kept))
    row = Speller(small).row(Clip("here", "Hello, zyzzyva!", "en", 0, lambda: np.zeros(0, "f4")))
    assert row is not None
    assert Speller(small).text(row.targets[1:-1]) == "Hello, zyzzyva!"


def _write_call_texts(folders: SpeechFolders) -> None:
    rows: dict[str, dict[str, Any]] = {
        "sgd": {"turns": [{"utterance": "Hello, how are you?"}]},
        "taskmaster4": {"turns": [{"text": "A coffee, please."}]},
        "multidogo": {"utterance": "My card is lost."},
        "banking77": {"text": "Why was I charged?"},
        "clinc150": {"text": "what is the time"},
        "helpline_calls": {"text": "Is anybody there?"},
        "earnings21": {"turns": [{"text": "Good morning."}]},
        "earnings22": {"words": [["Thanks"], ["everyone."]]},
        "evi": {"transcription": "yes"},
    }
    assert rows.keys() == CALL_TEXTS.keys()
    for name, (file, _) in CALL_TEXTS.items():
        path = folders.text / file
        path.parent.mkdir(parents=True)
        path.write_bytes(gzip.compress(json.dumps(rows[name]).encode()))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["pieces.corpora=[]"], "names no corpus"),
        (["hearing.joined_share=0.95"], "must not exceed 1 together"),
        (["hearing.min_tail_ms=2000"], "must not exceed max_tail_ms"),
        (["pieces.max_seconds=28.0"], "25 or less"),
        (["optimisation.batch_seconds=10.0"], "must exceed pieces.max_seconds"),
        (["hearing.lines.max_loss=1"], "unknown field"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(changes: list[str], message: str) -> None:
    """Before an hour of preparation."""
    with pytest.raises(RecipeError, match=message):
        read_adaptation_recipe(RECIPES / "adapt_tiny_en.toml", changes)


def test_a_corpus_that_is_not_there_is_named(tmp_path: Path, folders: SpeechFolders) -> None:
    """With what to do about it."""
    recipe = tiny_adaptation(tmp_path, pieces={"min_seconds": 0.1, "max_seconds": 1.0,
        "corpora": [{"name": "librispeech"}]})  # fmt: skip

    with pytest.raises(MissingDataError, match="--data must name the data folder"):
        adapt(recipe, folders, tmp_path / "out", resume=False)


def test_harper_valley_cannot_be_trained_on(tmp_path: Path, folders: SpeechFolders) -> None:
    """It decides between weights, so no recipe may name it."""
    recipe = tiny_adaptation(tmp_path, pieces={"corpora": [{"name": "harper_valley"}]})

    with pytest.raises(RecipeError, match="'harper_valley' is not one of"):
        adapt(recipe, folders, tmp_path / "out", resume=False)


def test_the_command_says_what_is_wrong_in_one_line(
    run_train: Callable[..., Result], tmp_path: Path
) -> None:
    """Exit code 2, as for every recipe."""
    path = tmp_path / "recipe.toml"
    path.write_text("name = 1", "utf-8")

    result = run_train("asr-adapt", str(path))

    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert str(path) in result.output.replace("\n", "")

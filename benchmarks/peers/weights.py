"""The same weights for other programs: the whole vocabulary, CTranslate2's format, a tokenizer."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.core.optional import optional_module
from benchmarks.core.random_weights import SIZES, random_checkpoint
from models.asr.checkpoints.weights import find_weights
from models.asr.exporting.ctranslate2_tensors import SpecificationTensors
from models.extras.requirement import how_to_install
from schemas.errors import CallstreamError, ConfigurationError

QUANTIZATION = "int8"
GPT2_BYTES = 256


def peer_module(name: str) -> Any:
    """Return an optional module.

    Raises:
        MissingExtraError: It is not installed.
    """
    return optional_module(name, "comparing with others", how_to_install("peers"))


def stock_checkpoint(model: str, folder: Path) -> Path:
    """Return a checkpoint that openai-whisper itself loads.

    Args:
        model: A size with random weights, or the path of a checkpoint in its form.
        folder: Where it is kept for the next time.

    Raises:
        ConfigurationError: The weights have another form, such as graphs alone.
        MissingExtraError: torch is not installed.
    """
    if model in SIZES:
        return random_checkpoint(model, folder)
    source = Path(find_weights(model).source)
    if source.suffix != ".pt":
        raise ConfigurationError(
            f"{model}: others load a checkpoint in openai-whisper's form (.pt)"
        )
    torch = peer_module("torch")
    whole_vocabulary = peer_module("training.asr.scratch.export").whole_vocabulary
    if "token_ids" not in torch.load(source, map_location="cpu", weights_only=True):
        return source
    path = folder / f"{source.stem}-{source.stat().st_mtime_ns:x}-whole.pt"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(whole_vocabulary(source), path)
    return path


def converted(checkpoint: Path, folder: Path) -> Path:
    """Return the folder of a checkpoint in CTranslate2's format, int8, as faster-whisper reads it.

    Args:
        checkpoint: In openai-whisper's format, with the whole vocabulary.
        folder: Where it is kept for the next time.

    Raises:
        MissingExtraError: ctranslate2 or tokenizers is not installed.
        CallstreamError: They cannot be converted.
    """
    target = folder / f"{checkpoint.stem}-ct2-{QUANTIZATION}"
    if (target / "tokenizer.json").is_file():
        return target
    target.mkdir(parents=True, exist_ok=True)
    torch = peer_module("torch")
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    state = {name: tensor.float().numpy() for name, tensor in saved["model_state_dict"].items()}
    checkpoints = peer_module("models.asr.checkpoints.openai")
    tokenizer = checkpoints.official_tokenizer(saved["dims"]["n_vocab"])
    _write_spec(saved["dims"], state, tokenizer, target)
    _write_tokenizer(tokenizer.encoding, target / "tokenizer.json")
    return target


def _write_spec(
    dims: Mapping[str, int], state: Mapping[str, Any], tokenizer: Any, target: Path
) -> None:
    specs = peer_module("ctranslate2").specs
    spec = specs.WhisperSpec(
        dims["n_audio_layer"], dims["n_audio_head"], dims["n_text_layer"], dims["n_text_head"]
    )
    tensors = SpecificationTensors(state)
    tensors.fill_encoder(spec.encoder)
    tensors.fill_decoder(spec.decoder)
    tokens = _token_texts(tokenizer.encoding)
    tokens += [f"<|unused{n}|>" for n in range(len(tokens), dims["n_vocab"])]
    spec.register_vocabulary(tokens)
    half = range(dims["n_text_layer"] // 2, dims["n_text_layer"])
    heads = range(dims["n_text_head"])
    spec.config.alignment_heads = [(layer, head) for layer in half for head in heads]
    spec.config.suppress_ids = list(tokenizer.non_speech_tokens)  # as whisper.decode does
    spec.config.suppress_ids_begin = [*tokenizer.encode(" "), tokenizer.eot]
    spec.config.lang_ids = []
    try:
        spec.validate()
        spec.optimize(quantization=QUANTIZATION)
        spec.save(str(target))
    except (ValueError, RuntimeError) as error:
        raise CallstreamError(f"the weights cannot be converted: {error}") from error


def _write_tokenizer(encoding: Any, path: Path) -> None:
    """Write openai-whisper's byte-pair encoding as a file of the package tokenizers."""
    package = peer_module("tokenizers")
    ranks: dict[bytes, int] = encoding._mergeable_ranks  # noqa: SLF001 - it has no other door
    vocabulary = {text: number for number, text in enumerate(_token_texts(encoding))}
    merges = [(_text(one), _text(other)) for one, other in merged_pairs(ranks)]
    tokenizer = package.Tokenizer(package.models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = package.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = package.decoders.ByteLevel()
    special = sorted(encoding.special_tokens_set, key=lambda text: vocabulary[text])
    tokenizer.add_special_tokens([package.AddedToken(text, special=True) for text in special])
    tokenizer.save(str(path))


def _token_texts(encoding: Any) -> list[str]:
    """Return every token as CTranslate2 and tokenizers write it, by id."""
    ranks: dict[bytes, int] = encoding._mergeable_ranks  # noqa: SLF001
    texts = {number: _text(token) for token, number in ranks.items()}
    special: dict[str, int] = encoding._special_tokens  # noqa: SLF001
    texts |= {number: text for text, number in special.items()}
    return [texts[number] for number in range(len(texts))]


def merged_pairs(ranks: Mapping[bytes, int]) -> Iterator[tuple[bytes, bytes]]:
    """Yield which two tokens each longer token is merged from, by rank."""
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        if len(token) > 1:
            parts = _parts(token, ranks, rank)
            if len(parts) == 2:  # noqa: PLR2004 - a pair
                yield parts[0], parts[1]


def _parts(token: bytes, ranks: Mapping[bytes, int], limit: int) -> list[bytes]:
    """Return what is left of a token if only merges of a lower rank are made."""
    parts = [token[n : n + 1] for n in range(len(token))]
    while True:
        best, index = limit, -1
        for n in range(len(parts) - 1):
            rank = ranks.get(parts[n] + parts[n + 1], limit)
            if rank < best:
                best, index = rank, n
        if index < 0:
            return parts
        parts[index : index + 2] = [parts[index] + parts[index + 1]]


def _text(token: bytes) -> str:
    return "".join(_BYTE_TEXTS[byte] for byte in token)


def _byte_texts() -> list[str]:
    """Return the printable character that stands for each byte in GPT-2's vocabulary files."""
    kept = {*range(33, 127), *range(161, 173), *range(174, 256)}
    texts, further = [], GPT2_BYTES
    for byte in range(GPT2_BYTES):
        if byte in kept:
            texts.append(chr(byte))
        else:
            texts.append(chr(further))
            further += 1
    return texts


_BYTE_TEXTS = _byte_texts()

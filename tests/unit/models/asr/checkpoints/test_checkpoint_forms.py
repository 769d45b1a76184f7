"""The same weights in every form that other projects write."""

import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from whisper.decoding import DecodingOptions, DecodingTask
from whisper.model import Whisper

from models.asr.checkpoints.checkpoint import WhisperCheckpoint, read_checkpoint
from models.asr.checkpoints.openai import official_tokenizer, official_vocabulary
from models.asr.checkpoints.vocabulary_files import find_vocabulary, vocabulary_of_names
from models.asr.checkpoints.weights import find_weights
from models.asr.core.requests import DecodeOptions
from models.asr.core.vocabulary import table_of
from models.asr.decoding.whisper_engine import WhisperEngine
from models.asr.engine import Backend, load_engine
from schemas.errors import ModelIntegrityError, ModelNotFoundError
from tests.support.models.checkpoint_forms import (
    Quantization,
    VocabularyForm,
    ctranslate2_arrays,
    ctranslate2_bytes,
    write_ctranslate2,
    write_hugging_face,
    write_vocabulary,
)
from tests.support.models.random_whisper import (
    ENGLISH_VOCABULARY,
    MULTILINGUAL_VOCABULARY,
    random_whisper,
    save_checkpoint,
)
from tests.support.models.synthetic_audio import noise

LARGE_VOCABULARY = 51_866
SIZES = (ENGLISH_VOCABULARY, MULTILINGUAL_VOCABULARY, LARGE_VOCABULARY)
ERRORS = {"float16": 1e-3, "bfloat16": 8e-3, "int8": 8e-3, "int8_float16": 8e-3, "int16": 2e-3}


def read(path: Path) -> WhisperCheckpoint:
    return read_checkpoint(find_weights(str(path)))


def assert_alike(ours: WhisperCheckpoint, theirs: WhisperCheckpoint, error: float) -> None:
    """Check tensors within a part of the largest number of each, and everything else exactly."""
    assert ours.dims == theirs.dims
    assert ours.tokens == theirs.tokens
    assert ours.tensors.keys() == theirs.tensors.keys()
    for name, tensor in ours.tensors.items():
        expected = theirs.tensors[name]
        assert tensor.dtype == np.float32
        np.testing.assert_allclose(tensor, expected, rtol=0, atol=error * np.abs(expected).max())


@pytest.fixture(scope="module")
def known(network: Whisper, tmp_path_factory: pytest.TempPathFactory) -> WhisperCheckpoint:
    """Return the network by way of openai-whisper's form."""
    return read(save_checkpoint(network, tmp_path_factory.mktemp("known") / "known.pt"))


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16"])
def test_a_hugging_face_folder_has_the_weights_of_the_checkpoint(
    network: Whisper, known: WhisperCheckpoint, tmp_path: Path, kind: str
) -> None:
    folder = read(write_hugging_face(tmp_path / "folder", network, kind))

    assert_alike(folder, known, ERRORS.get(kind, 0.0))
    assert folder.alignment_heads == ((1, 0),)


@pytest.mark.parametrize("kind", get_args(Quantization))
def test_a_ctranslate2_folder_has_the_weights_of_the_checkpoint(
    network: Whisper, known: WhisperCheckpoint, tmp_path: Path, kind: Quantization
) -> None:
    folder = read(write_ctranslate2(tmp_path / "folder", network, kind))

    assert_alike(folder, known, ERRORS.get(kind, 0.0))
    assert folder.alignment_heads == ((1, 0),)


def test_every_form_writes_the_same_text_on_every_backend(
    network: Whisper, tmp_path: Path, backend: Backend
) -> None:
    """fp32 throughout: CTranslate2's folder, Hugging Face's, and the checkpoint."""
    sources = (
        save_checkpoint(network, tmp_path / "checkpoint.pt"),
        write_ctranslate2(tmp_path / "ctranslate2", network, "float32"),
        write_hugging_face(tmp_path / "hugging-face", network),
    )
    samples = noise(3_000)

    written = [_engine(path, backend, tmp_path).transcribe(samples) for path in sources]

    assert written[0].tokens
    assert written[0].tokens == written[1].tokens == written[2].tokens


def _engine(path: Path, backend: Backend, cache: Path) -> WhisperEngine:
    return load_engine(str(path), backend=backend, precision="fp32", cache=cache / "cache")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("form", get_args(VocabularyForm))
def test_a_vocabulary_file_gives_the_table_of_openai_whisper(
    tmp_path: Path, size: int, form: VocabularyForm
) -> None:
    write_vocabulary(tmp_path, size, form)

    found = find_vocabulary(tmp_path, size)

    assert found is not None
    assert table_of(found, range(size)) == table_of(official_vocabulary(size), range(size))


@pytest.mark.parametrize("size", SIZES)
def test_the_table_has_the_rules_of_openai_whisper(size: int) -> None:
    """What `whisper.decode` suppresses, but for times, which are never written here."""
    tokenizer = official_tokenizer(size)
    task = DecodingTask(random_whisper(vocabulary=size), DecodingOptions(without_timestamps=True))
    theirs = task._get_suppress_tokens()

    table = table_of(official_vocabulary(size), range(size))

    assert set(table.suppressed) == {*theirs, *range(tokenizer.no_timestamps, size)}
    assert table.suppressed_first == tuple(sorted((*tokenizer.encode(" "), tokenizer.eot)))
    codes = tokenizer.all_language_codes if size > ENGLISH_VOCABULARY else ()
    assert table.languages == dict(zip(codes, tokenizer.all_language_tokens, strict=False))
    assert (table.start, table.start_of_previous) == (tokenizer.sot, tokenizer.sot_prev)
    assert table.no_speech == tokenizer.no_speech


def test_older_folders_call_the_token_of_no_speech_no_captions(tmp_path: Path) -> None:
    write_vocabulary(tmp_path, ENGLISH_VOCABULARY, "vocabulary.txt")
    path = tmp_path / "vocabulary.txt"
    path.write_text(path.read_text("utf-8").replace("<|nospeech|>", "<|nocaptions|>"), "utf-8")

    found = find_vocabulary(tmp_path, ENGLISH_VOCABULARY)

    assert found is not None
    everything = range(ENGLISH_VOCABULARY)
    assert table_of(found, everything) == table_of(
        official_vocabulary(ENGLISH_VOCABULARY), everything
    )


def test_weights_without_a_vocabulary_take_that_of_openai_whisper(
    network: Whisper, known: WhisperCheckpoint, tmp_path: Path
) -> None:
    folder = write_hugging_face(tmp_path / "folder", network)
    (folder / "tokenizer.json").unlink()

    assert read(folder).tokens == known.tokens


@pytest.mark.parametrize(
    ("names", "message"),
    [(["!", "<|endoftext|>", "x"], None), (["\n", "<|endoftext|>"], "how GPT-2 writes a byte")],
)
def test_names_that_gpt_2_does_not_write_are_refused(names: list[str], message: str | None) -> None:
    if message is None:
        assert vocabulary_of_names(names).pieces == (b"!", b"", b"")
    else:
        with pytest.raises(ModelIntegrityError, match=message):
            vocabulary_of_names(names)


def test_a_vocabulary_of_another_size_is_refused(network: Whisper, tmp_path: Path) -> None:
    folder = write_ctranslate2(tmp_path / "folder", network)
    names = json.loads((folder / "vocabulary.json").read_text())
    (folder / "vocabulary.json").write_text(json.dumps([*names, "more"]))

    with pytest.raises(ModelIntegrityError, match="does not fit 51864 tokens"):
        read(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 5}, "version 5 of CTranslate2's format, not 6: convert the weights again"),
        ({"specification": "TransformerSpec"}, "holds TransformerSpec of revision 3"),
        ({"revision": 2}, "holds WhisperSpec of revision 2"),
    ],
)
def test_a_ctranslate2_model_of_another_kind_is_refused(
    network: Whisper, tmp_path: Path, changes: dict[str, int], message: str
) -> None:
    folder = write_ctranslate2(tmp_path / "folder", network)
    content = ctranslate2_bytes(ctranslate2_arrays(network), {}, **changes)  # type: ignore[arg-type]
    (folder / "model.bin").write_bytes(content)

    with pytest.raises(ModelIntegrityError, match=message):
        read(folder)


WIDTH = 32
KEYS = "encoder/layer_0/self_attention/linear_0/bias"


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("decoder/activation", np.int8(0), "decoder/activation is 0, not 3"),
        ("decoder/layer_0/adapter", np.ones(4, np.float32), "it has decoder/layer_0/adapter"),
        (KEYS, np.ones(3 * WIDTH, np.float32), "keys of .* have a bias"),
        ("encoder/conv1/bias", np.ones(WIDTH, np.int8), "conv1/bias is quantised in a way"),
        ("decoder/projection/weight", np.ones((2, 2), np.float32), "not the token embedding"),
    ],
)
def test_a_network_that_whisper_is_not_is_refused(
    network: Whisper, tmp_path: Path, name: str, array: np.generic, message: str
) -> None:
    folder = write_ctranslate2(tmp_path / "folder", network)
    arrays = ctranslate2_arrays(network) | {name: np.asarray(array)}
    (folder / "model.bin").write_bytes(ctranslate2_bytes(arrays, {}))

    with pytest.raises(ModelIntegrityError, match=message):
        read(folder)


def test_a_tensor_that_is_missing_is_named(network: Whisper, tmp_path: Path) -> None:
    folder = write_ctranslate2(tmp_path / "folder", network)
    arrays = ctranslate2_arrays(network)
    del arrays["decoder/layer_1/ffn/linear_0/weight"]
    (folder / "model.bin").write_bytes(ctranslate2_bytes(arrays, {}))

    with pytest.raises(ModelIntegrityError, match="no tensor decoder/layer_1/ffn/linear_0/weight"):
        read(folder)


@pytest.mark.parametrize("kept", [0, 3, 100, 5_000, -1])
def test_half_a_file_of_ctranslate2_is_refused(network: Whisper, tmp_path: Path, kept: int) -> None:
    folder = write_ctranslate2(tmp_path / "folder", network)
    path = folder / "model.bin"
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(ModelIntegrityError, match="is no CTranslate2 model, or damaged"):
        read(folder)


def test_half_a_file_of_hugging_face_is_refused(network: Whisper, tmp_path: Path) -> None:
    folder = write_hugging_face(tmp_path / "folder", network)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5_000])

    with pytest.raises(ModelIntegrityError, match="is no file of weights, or damaged"):
        read(folder)


def test_large_v3_has_more_mel_bands_and_languages(tmp_path: Path) -> None:
    """128 bands and Cantonese, from either kind of folder, down to words."""
    network = random_whisper(vocabulary=LARGE_VOCABULARY, mel_bands=128)
    folders = (
        write_ctranslate2(tmp_path / "ctranslate2", network, "float32"),
        write_hugging_face(tmp_path / "hugging-face", network),
    )

    engines = [_engine(folder, "onnx", tmp_path) for folder in folders]
    cantonese = DecodeOptions(language="yue")
    written = [engine.transcribe(noise(2_000), cantonese) for engine in engines]

    assert [read(folder).dims.n_mels for folder in folders] == [128, 128]
    assert written[0].language == "yue"
    assert written[0].tokens
    assert written[0].tokens == written[1].tokens


def divided(folder: Path) -> Path:
    """Divide the tensors of a Hugging Face folder into two files with an index."""
    whole = folder / "model.safetensors"
    tensors = sorted(load_file(whole).items())
    whole.unlink()
    names = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    index: dict[str, str] = {}
    for name, part in zip(names, (tensors[::2], tensors[1::2]), strict=True):
        save_file(dict(part), folder / name)
        index |= {tensor: name for tensor, _ in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    return folder


def test_tensors_in_several_files_are_read_like_those_in_one(
    network: Whisper, known: WhisperCheckpoint, tmp_path: Path
) -> None:
    folder = read(divided(write_hugging_face(tmp_path / "folder", network)))

    assert_alike(folder, known, 0.0)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("model.bin", r"has no weights .*: model\.bin .* or model\.safetensors"),
        ("config.json", r"no speech weights at .*with a config\.json"),
    ],
)
def test_a_ctranslate2_folder_without_a_file_is_refused_by_its_name(
    network: Whisper, tmp_path: Path, missing: str, message: str
) -> None:
    folder = write_ctranslate2(tmp_path / "folder", network)
    (folder / missing).unlink()

    with pytest.raises(ModelNotFoundError, match=message):
        read(folder)


def test_a_missing_one_of_several_files_is_named(network: Whisper, tmp_path: Path) -> None:
    folder = divided(write_hugging_face(tmp_path / "folder", network))
    (folder / "model-00002-of-00002.safetensors").unlink()

    with pytest.raises(ModelNotFoundError, match=r"model-00002-of-00002\.safetensors"):
        read(folder)


@pytest.mark.parametrize("changed", ["model-00002-of-00002.safetensors", "generation_config.json"])
def test_a_change_of_any_file_of_a_folder_makes_another_export(
    network: Whisper, tmp_path: Path, changed: str
) -> None:
    """Not of the first file of tensors alone; alignment heads are part of the export too."""
    folder = divided(write_hugging_face(tmp_path / "folder", network))
    before = find_weights(str(folder)).cache_key()
    path = folder / changed
    path.write_bytes(path.read_bytes() + b"\n")

    assert find_weights(str(folder)).cache_key() != before


def test_other_weights_in_a_folder_are_exported_again(network: Whisper, tmp_path: Path) -> None:
    """The name of an export in the cache depends on the content, not on the path."""
    folder = write_ctranslate2(tmp_path / "folder", network)
    before = find_weights(str(folder)).cache_key()
    path = folder / "model.bin"
    path.write_bytes(path.read_bytes() + b"!")

    assert find_weights(str(folder)).cache_key() != before

"""Weights in the form that callstream ships: graphs and manifest, loaded as a worker does."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pytest
from typer.testing import Result

from models.asr.checkpoints.checkpoint import EMBEDDING, read_checkpoint
from models.asr.checkpoints.exported_graphs import read_graphs
from models.asr.checkpoints.weights import find_weights
from models.asr.engine import load_engine
from schemas.errors import ModelIntegrityError
from tests.support.models.call_texts import write_call_texts
from tests.support.models.random_whisper import random_whisper, save_checkpoint, write_manifest

AUDIO = (0.3 * np.sin(np.arange(16_000) * 0.2)).astype(np.float32)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    checkpoint = save_checkpoint(random_whisper(), tmp_path_factory.mktemp("source") / "mine.pt")
    write_manifest(
        checkpoint, encoder_context="cut", pad_ms=200, word_shift_ms=30, licence="CC BY 4.0"
    )
    return checkpoint


@pytest.fixture
def bundle(run_train: Callable[..., Result], source: Path, tmp_path: Path) -> Path:
    data = write_call_texts(tmp_path / "data" / "text").parent
    options = ("--name", "small-en", "--tokens", 3_000, "--pad-ms", 5_000)
    result = run_train("asr-export", source, "--data", data, "--out", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    assert str(tmp_path / "out" / "small-en.json") in result.output
    return tmp_path / "out" / "small-en.json"


def test_a_bundle_is_graphs_alone_and_runs_like_the_weights(bundle: Path, tmp_path: Path) -> None:
    assert {path.name for path in bundle.parent.iterdir()} == {
        "small-en.json",
        "small-en.int8.json",
        "small-en.int8.encoder.onnx",
        "small-en.int8.decoder.onnx",
    }

    engine = load_engine(str(bundle), cache=tmp_path / "none")

    assert engine.name == "small-en"
    assert engine.max_samples == 25 * 16_000  # 30 s less the silence behind the audio
    assert engine.transcribe(AUDIO).duration_ms == 1_000
    assert not (tmp_path / "none").exists()


def test_what_the_manifest_of_the_weights_said_stays(bundle: Path, source: Path) -> None:
    about = orjson.loads(bundle.read_bytes())
    before = orjson.loads(source.with_suffix(".json").read_bytes())

    assert (about["pad_ms"], about["word_shift_ms"]) == (5_000, before["word_shift_ms"])
    assert about["licence"] == "CC BY 4.0"
    assert about["made_from"] == {"name": before["name"], "sha256": before["sha256"]}
    graphs = orjson.loads(bundle.with_name("small-en.int8.json").read_bytes())
    assert len(graphs["tokens"]["pieces"]) == 3_000


def test_a_whole_vocabulary_keeps_all_that_can_be_written(
    run_train: Callable[..., Result], source: Path, tmp_path: Path
) -> None:
    """In fewer bits where it is rare; the times, which nothing writes, go."""
    run_train("asr-export", source, "--out", tmp_path, "--name", "whole", "--tokens", 0)
    known = load_engine(str(source), precision="int8", cache=tmp_path / "cache")
    of_source = read_checkpoint(find_weights(str(source))).tokens

    whole, tensors = read_graphs(tmp_path / "whole.int8.json")

    spelling = [piece for piece in of_source.pieces if piece]
    assert [piece for piece in whole.tokens.pieces if piece] == spelling
    assert whole.tokens.text([whole.tokens.end_of_text]) == ""
    assert len(whole.tokens.pieces) == len(tensors[EMBEDDING]) < len(spelling) + 10
    decoders = (tmp_path / "whole.int8.decoder.onnx", *(tmp_path / "cache").glob("*decoder.onnx"))
    rare, exact = (path.stat().st_size for path in decoders)
    assert rare < 0.8 * exact
    engine = load_engine(str(tmp_path / "whole.json"))
    assert engine.transcribe(AUDIO).tokens[0] == known.transcribe(AUDIO).tokens[0]


def test_a_bundle_with_a_cut_vocabulary_runs_in_fp32(bundle: Path, tmp_path: Path) -> None:
    """Its graphs are read back: the same words on both back-ends."""
    cache = tmp_path / "cache"
    engine = load_engine(str(bundle), backend="onnx", precision="fp32", cache=cache)
    reference = load_engine(str(bundle), backend="torch", precision="fp32", cache=cache)

    tokens = engine.transcribe(AUDIO).tokens

    assert tokens
    assert tokens == reference.transcribe(AUDIO).tokens


def test_a_damaged_graph_and_the_manifest_of_graphs_itself_are_refused(bundle: Path) -> None:
    with pytest.raises(ModelIntegrityError, match=r"small-en\.int8\.json: format"):
        load_engine(str(bundle.with_name("small-en.int8.json")))

    decoder = bundle.with_name("small-en.int8.decoder.onnx")
    decoder.write_bytes(decoder.read_bytes()[:-1])
    with pytest.raises(ModelIntegrityError, match="damaged or was replaced"):
        load_engine(str(bundle))

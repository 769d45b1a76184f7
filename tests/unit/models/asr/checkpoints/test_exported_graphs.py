"""Exported int8 graphs read back as a checkpoint, for every back-end and as a training's start."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
import torch
from whisper.model import Whisper

from models.asr.backends.onnx_network import load_graphs
from models.asr.checkpoints.checkpoint import EMBEDDING, WhisperCheckpoint, read_checkpoint
from models.asr.checkpoints.exported_graphs import read_graphs
from models.asr.checkpoints.onnx_store import GraphManifest
from models.asr.checkpoints.weights import GRAPH_FORMAT, SpeechManifest, find_weights
from models.asr.core.network import Pass, Rule
from models.asr.engine import Backend, load_engine
from models.asr.exporting.balance import balance_decoder
from models.asr.exporting.onnx_export import export_graphs
from models.audio.samples import FloatArray
from models.row_codes import CodedRange
from models.store.manifest import load_manifest, sha256_of, write_manifest
from schemas.errors import ModelIntegrityError
from tests.support.models.random_whisper import random_whisper, save_checkpoint
from tests.support.models.synthetic_audio import noise

POSITIONS = "decoder.positional_embedding"
CODED = (CodedRange(range(8_000, 30_000), 5), CodedRange(range(30_000, 50_000), 4))
TOKENS = torch.tensor([[50_257, 50_362, 11, 5_000, 42, 321]])


def _checkpoint(network: Whisper, folder: Path) -> WhisperCheckpoint:
    return read_checkpoint(find_weights(str(save_checkpoint(network, folder / "known.pt"))))


@pytest.fixture(scope="module")
def known(network: Whisper, tmp_path_factory: pytest.TempPathFactory) -> WhisperCheckpoint:
    return _checkpoint(_uneven(network), tmp_path_factory.mktemp("known"))


@pytest.fixture(scope="module")
def graphs(known: WhisperCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graphs") / "known.int8.json"
    return export_graphs(known, "known", "int8", path)


def _uneven(network: Whisper) -> Whisper:
    """Return the network with channels of the decoder's norms far apart, as trained ones have."""
    uneven = random_whisper(eot_gain=3.5)
    uneven.load_state_dict(network.state_dict())
    generator = torch.Generator().manual_seed(4)
    for name, parameter in uneven.decoder.named_parameters():
        if "ln" in name and name.endswith("weight"):
            parameter.data *= torch.exp(torch.randn(parameter.shape, generator=generator))
    return uneven


def _outputs(tensors: dict[str, FloatArray]) -> FloatArray:
    """Return the log-probabilities of openai-whisper's own forward pass."""
    model = random_whisper()
    model.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()})
    mel = torch.randn(1, 80, 3_000, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        log_probabilities: FloatArray = model(mel, TOKENS).log_softmax(dim=-1).numpy()
    return log_probabilities


def _graph_outputs(path: Path) -> FloatArray:
    """Return the log-probabilities of the graphs for the same audio and tokens."""
    network = load_graphs(path, device="cpu", threads=1)
    mel = torch.randn(1, 80, 3_000, generator=torch.Generator().manual_seed(1))
    batch = network.decoder([network.encode(mel[0].T.numpy().copy())])
    length = TOKENS.shape[1]
    step = Pass(
        tokens=TOKENS.numpy(),
        positions=np.arange(length)[None],
        mask=np.triu(np.full((1, 1, length, length), -np.inf, np.float32), 1),
        scored=np.arange(length),
        rules=np.full(length, int(Rule.ANYTHING)),
        wants_all=True,
    )
    log_probabilities = batch.advance(step).log_probabilities
    assert log_probabilities is not None
    return log_probabilities[None]


def _distance(one: FloatArray, other: FloatArray) -> float:
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


def test_the_tensors_are_those_of_the_checkpoint(known: WhisperCheckpoint, graphs: Path) -> None:
    """All that is not balanced, and the embedding with its norm, but for the rounding.

    What the rows of the embedding have in common is in the positions.
    """
    manifest, tensors = read_graphs(graphs)

    assert (manifest.dims, manifest.tokens) == (known.dims, known.tokens)
    assert tensors.keys() == known.tensors.keys()
    balanced = balance_decoder(known.tensors, known.dims).tensors
    mean = known.tensors[EMBEDDING].mean(axis=0)
    own = {name: known.tensors[name] for name in ("decoder.ln.weight", "decoder.ln.bias")}
    own[EMBEDDING] = known.tensors[EMBEDDING] - mean
    own[POSITIONS] = known.tensors[POSITIONS] + mean
    for name, tensor in tensors.items():
        expected = (balanced | own)[name]
        assert tensor.shape == expected.shape, name
        assert np.isfinite(tensor).all(), name
        if expected.any():
            assert _distance(tensor, expected) < 0.03, name


def test_what_is_read_back_computes_what_the_checkpoint_computes(
    known: WhisperCheckpoint, graphs: Path
) -> None:
    """Apart from the rounding, which a random network of 32 channels multiplies."""
    _, tensors = read_graphs(graphs)

    assert _distance(_outputs(tensors), _outputs(known.tensors)) < 0.15


def test_a_balanced_decoder_computes_the_same(known: WhisperCheckpoint) -> None:
    """The embedding's factors undo at the input what the output layer got."""
    balanced, factors = balance_decoder(known.tensors, known.dims)
    assert max(factors) > 2 * min(factors), "nothing was out of balance"

    undone = balanced | {EMBEDDING: balanced[EMBEDDING] * factors}
    for part in ("weight", "bias"):
        undone[f"decoder.ln.{part}"] = balanced[f"decoder.ln.{part}"] / factors

    assert _distance(_outputs(undone), _outputs(known.tensors)) < 1e-4


def test_every_backend_takes_graphs_in_other_precisions(
    known: WhisperCheckpoint, tmp_path: Path, backend: Backend
) -> None:
    """fp32 of what was rounded once: the same text from the graphs and from what is read back."""
    folder = _shipped(known, tmp_path)
    _, tensors = read_graphs(folder / "shipped.int8.json")
    model = random_whisper()
    model.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()})
    checkpoint = save_checkpoint(model, tmp_path / "read-back.pt")
    cache, samples = tmp_path / "cache", noise(3_000)

    for _ in range(2):  # exported, then found in the cache
        engine = load_engine(str(folder), backend=backend, precision="fp32", cache=cache)
        text = engine.transcribe(samples).tokens

    same = load_engine(str(checkpoint), backend=backend, precision="fp32", cache=cache)
    assert text == same.transcribe(samples).tokens
    assert text


def test_rows_in_few_bits_are_read_back_as_the_graph_multiplies_them(
    known: WhisperCheckpoint, tmp_path: Path
) -> None:
    path = export_graphs(known, "coded", "int8", tmp_path / "coded.int8.json", coded=CODED)
    _, tensors = read_graphs(path)
    whole = balance_decoder(known.tensors, known.dims)
    centred = whole.tensors[EMBEDDING] * whole.embedding_factors

    errors = np.linalg.norm(tensors[EMBEDDING] - centred, axis=1)
    shares = errors / np.linalg.norm(centred, axis=1)
    assert shares[8_000:30_000].mean() == pytest.approx(0.05, abs=0.015)  # of normal numbers
    assert shares[30_000:50_000].mean() == pytest.approx(0.1, abs=0.03)
    assert max(shares[:8_000].max(), shares[50_000:].max()) < 0.03

    assert _distance(_graph_outputs(path), _outputs(tensors)) < 0.1


def _shipped(known: WhisperCheckpoint, folder: Path) -> Path:
    """Return a folder of weights as callstream ships them."""
    folder = folder / "shipped"
    folder.mkdir()
    graphs = export_graphs(known, "shipped", "int8", folder / "shipped.int8.json")
    manifest = SpeechManifest(
        name="shipped",
        format=GRAPH_FORMAT,
        file=graphs.name,
        sha256=sha256_of(graphs),
        sample_rate_hz=16_000,
    )
    write_manifest(manifest, folder / "shipped.json")
    return folder


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"export_version": 2}, "no int8 graphs of this version"), ({"precision": "fp32"}, "no int8")],
)
def test_graphs_of_another_version_or_precision_are_refused(
    graphs: Path, tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    manifest = msgspec.structs.replace(load_manifest(graphs, GraphManifest), **change)
    path = write_manifest(manifest, tmp_path / "other.json")

    with pytest.raises(ModelIntegrityError, match=reason):
        read_graphs(path)


def test_coded_ranges_that_leave_rows_out_are_refused(
    known: WhisperCheckpoint, tmp_path: Path
) -> None:
    apart = (CodedRange(range(8_000, 16_000), 5), CodedRange(range(24_000, 32_000), 4))

    with pytest.raises(ValueError, match="follow the other"):
        export_graphs(known, "apart", "int8", tmp_path / "apart.json", coded=apart)


def test_graphs_of_an_earlier_version_say_what_to_do(graphs: Path, tmp_path: Path) -> None:
    earlier = msgspec.structs.replace(load_manifest(graphs, GraphManifest), export_version=3)
    path = write_manifest(earlier, tmp_path / "earlier.json")
    for name in (earlier.file, earlier.decoder_file):
        (tmp_path / name).symlink_to(graphs.parent / name)

    with pytest.raises(ModelIntegrityError, match=r"version 3, .* export them again"):
        load_graphs(path, device="cpu", threads=1)


def test_graphs_of_another_network_are_refused(graphs: Path, tmp_path: Path) -> None:
    """A layer fewer than the manifest says."""
    about = load_manifest(graphs, GraphManifest)
    for name in (about.file, about.decoder_file):
        model = onnx.load(graphs.parent / name)
        kept = [node for node in model.graph.node if node.op_type != "LayerNormalization"]
        del model.graph.node[:]
        model.graph.node.extend(kept)
        onnx.save_model(model, tmp_path / name)
    other = {about.decoder_file: sha256_of(tmp_path / about.decoder_file)}
    changed = msgspec.structs.replace(
        about, sha256=sha256_of(tmp_path / about.file), other_files=other
    )
    path = write_manifest(changed, tmp_path / graphs.name)

    with pytest.raises(ModelIntegrityError, match="graphs of another form"):
        read_graphs(path)

"""Whatever is wrong with a graph or with the device it is to run on, one error says so."""

from collections.abc import Callable
from pathlib import Path

import onnx
import onnxruntime
import pytest
from onnx import ModelProto

from models.onnx_session import execution_provider, open_session
from schemas.errors import ConfigurationError, ModelIntegrityError
from tests.support.models.tiny_encoder import gather, save

Break = Callable[[ModelProto], None]


def refuse(path: Path) -> None:
    with pytest.raises(ModelIntegrityError, match=rf"{path.name} cannot be loaded"):
        open_session(path, device="cpu", threads=1)


@pytest.mark.parametrize(
    "content", [b"", b"no graph at all", bytes(range(256)), gather().SerializeToString()[:-20]]
)
def test_a_file_that_is_no_graph_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "graph.onnx"
    path.write_bytes(content)

    refuse(path)


def set_ir_version(model: ModelProto) -> None:
    model.ir_version = 99


def set_opset(model: ModelProto) -> None:
    model.opset_import[0].version = 99


def set_operator(model: ModelProto) -> None:
    model.graph.node[0].op_type = "NoSuchOperator"


def set_domain(model: ModelProto) -> None:
    model.graph.node[0].domain = "no.such.domain"


def cut_input(model: ModelProto) -> None:
    model.graph.node[0].input[0] = "nowhere"


@pytest.mark.parametrize("spoil", [set_ir_version, set_opset, set_operator, set_domain, cut_input])
def test_a_graph_that_this_runtime_cannot_run_is_refused(tmp_path: Path, spoil: Break) -> None:
    model = gather()
    spoil(model)

    refuse(save(model, tmp_path / "graph.onnx"))


def test_a_graph_without_its_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "graph.onnx"
    onnx.save_model(
        gather(), path, save_as_external_data=True, location="weights", size_threshold=0
    )
    (tmp_path / "weights").unlink()

    refuse(path)


@pytest.mark.parametrize("name", [".", "none.onnx"])
def test_a_path_without_a_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelIntegrityError, match="cannot be loaded"):
        open_session(tmp_path / name, device="cpu", threads=1)


def test_a_graph_runs_on_the_cpu_if_asked_to(tmp_path: Path) -> None:
    session = open_session(save(gather(), tmp_path / "graph.onnx"), device="cpu", threads=1)

    assert session.get_providers() == ["CPUExecutionProvider"]


@pytest.mark.parametrize("device", ["banana", "CPU", "", "gpu", "cuda:", "cuda:x", "cpu:0", "mps"])
def test_a_device_that_onnx_runtime_has_not_is_refused(tmp_path: Path, device: str) -> None:
    path = save(gather(), tmp_path / "graph.onnx")

    with pytest.raises(ConfigurationError, match=f"no device '{device}': use cpu, cuda"):
        open_session(path, device=device, threads=1)


def test_a_device_that_is_not_built_in_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    path = save(gather(), tmp_path / "graph.onnx")

    with pytest.raises(ConfigurationError, match="'cuda:1', for it has only CPUExecutionProvider"):
        open_session(path, device="cuda:1", threads=1)


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_device_that_does_not_start_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime itself would go on without it."""
    providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
    path = save(gather(), tmp_path / "graph.onnx")

    with pytest.raises(ConfigurationError, match="could not start CUDAExecutionProvider"):
        open_session(path, device="cuda:99", threads=1)


def test_the_number_of_a_device_is_told_to_its_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])

    assert execution_provider("cuda") == ("CUDAExecutionProvider", {"device_id": "0"})
    assert execution_provider("cuda:3") == ("CUDAExecutionProvider", {"device_id": "3"})

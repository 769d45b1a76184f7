"""The names of what is compared."""

import pytest

from benchmarks.core.backends import parse_backends
from benchmarks.quality.systems import parse_systems
from schemas.errors import ConfigurationError


def test_systems_are_weights_with_context_and_back_end() -> None:
    systems = parse_systems(
        ["a/tiny.pt@full=onnx:fp32:1", "a/tiny.pt@5000", "bundled", "bundled=onnx:fp32:3"],
        parse_backends("onnx:int8,torch:fp32"),
    )

    assert [system.label for system in systems] == [
        "tiny padded to 30 s, onnx fp32, greedy",
        "tiny + 5000 ms, onnx int8",
        "tiny + 5000 ms, torch fp32",
        "bundled, onnx int8",
        "bundled, torch fp32",
        "bundled, onnx fp32, beam of 3",
    ]
    assert [system.options.beam_size for system in systems] == [1, 5, 5, 5, 5, 3]


@pytest.mark.parametrize(
    "models", [[], ["bundled", "bundled"], ["bundled=onnx:fp64"], ["bundled=onnx:fp32:0"], [""]]
)
def test_systems_that_cannot_be_compared_are_refused(models: list[str]) -> None:
    with pytest.raises(ConfigurationError):
        parse_systems(models, parse_backends("onnx:int8"))

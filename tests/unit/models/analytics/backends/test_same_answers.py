"""All back-ends give the same answers of the same weights, alone and in batches."""

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from models.analytics.backends.llama import LlamaBackend, LlamaOptions
from models.analytics.backends.onnx import OnnxBackend, OnnxOptions
from models.analytics.backends.protocol import Generated, Request
from models.analytics.backends.transformers_peft import TransformersBackend, TransformersOptions
from schemas.errors import ModelIntegrityError
from schemas.failed import Failed
from tests.support.analytics.asked import ENDLESS, request_of, texts_of
from tests.support.analytics.tiny_llm import make_gguf, make_hugging_face, make_peft
from training.analytics.adapters.bases import read_shape
from training.analytics.adapters.gguf_adapter import write_gguf
from training.analytics.adapters.peft_folder import read_peft

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
REQUESTS = [request_of(number) for number in range(14)]
NEAR = 1e-3  # of confidences


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("same")
    base = make_hugging_face(folder / "hf", max_position_embeddings=1024)
    make_gguf(base, folder / "base.gguf")
    make_peft(base, folder / "peft")
    write_gguf(read_peft(folder / "peft"), folder / "adapter.gguf", read_shape(base))
    return folder


def on_transformers(folder: Path, requests: Sequence[Request], **fields: Any) -> list[Generated]:
    """Return the answers of transformers."""
    options = TransformersOptions(base=folder / "hf", **fields)
    return whole(TransformersBackend(options).generate(requests))


def on_llama(folder: Path, adapter: Path | None = None) -> list[Generated]:
    """Return the answers of llama.cpp."""
    backend = LlamaBackend(
        LlamaOptions(base=folder / "base.gguf", adapter=adapter, context_tokens=1024, is_exact=True)
    )
    try:
        return whole(backend.generate(REQUESTS))
    finally:
        backend.close()


def on_onnx(folder: Path, adapter: Path | None = None) -> list[Generated]:
    """Return the answers of ONNX Runtime in fp32."""
    options = OnnxOptions(
        base=folder / "base.gguf",
        adapter=adapter,
        cache=folder / "cache",
        context_tokens=1024,
        precision="fp32",
    )
    return whole(OnnxBackend(options).generate(REQUESTS))


def whole(answers: Sequence[Generated | Failed]) -> list[Generated]:
    """Return answers, all of which must be there."""
    texts_of(answers)
    return [each for each in answers if isinstance(each, Generated)]


@pytest.mark.parametrize("run", [on_llama, on_onnx])
def test_others_write_what_transformers_writes(
    folder: Path, run: Callable[..., list[Generated]]
) -> None:
    expected = on_transformers(folder, REQUESTS)
    found = run(folder)

    assert len({each.text for each in expected}) > 3
    assert [each.text for each in found] == [each.text for each in expected]
    assert [each.prompt_tokens for each in found] == [each.prompt_tokens for each in expected]


@pytest.mark.parametrize("run", [on_llama, on_onnx])
def test_an_adapter_of_peft_and_its_gguf_write_the_same(
    folder: Path, run: Callable[..., list[Generated]]
) -> None:
    adapted = on_transformers(folder, REQUESTS, adapter=folder / "peft")
    found = run(folder, folder / "adapter.gguf")

    assert [each.text for each in found] == [each.text for each in adapted]
    assert adapted != on_transformers(folder, REQUESTS)


def test_calls_in_a_batch_have_the_answers_that_they_have_alone(folder: Path) -> None:
    """Prompts of other lengths are padded on the left; positions begin behind the padding."""
    together = on_transformers(folder, REQUESTS, max_batch=8)
    alone = on_transformers(folder, REQUESTS, max_batch=1)

    assert [each.text for each in together] == [each.text for each in alone]
    for one, other in zip(together, alone, strict=True):
        assert [share for _, share in one.tokens] == pytest.approx(
            [share for _, share in other.tokens], abs=NEAR
        )


@pytest.mark.skipif(find_spec("mlx_lm") is None, reason="needs the extra mlx")
def test_mlx_writes_the_same(folder: Path) -> None:
    mlx = import_module("models.analytics.backends.mlx")

    found = whole(mlx.MlxBackend(mlx.MlxOptions(base=folder / "hf")).generate(REQUESTS))

    assert [each.text for each in found] == [
        each.text for each in on_transformers(folder, REQUESTS)
    ]
    with pytest.raises(ModelIntegrityError, match="give such a folder as the base"):
        mlx.MlxBackend(mlx.MlxOptions(base=folder / "base.gguf"))


def test_an_answer_that_takes_too_long_fails(folder: Path) -> None:
    backend = TransformersBackend(TransformersOptions(base=folder / "hf", timeout_s=0.02))
    (failure,) = backend.generate([request_of(grammar=ENDLESS, max_tokens=2000)])

    assert failure == Failed("no answer within 0.02 s", retryable=True)


def test_tokens_are_counted_as_llama_counts_them(folder: Path) -> None:
    transformers = TransformersBackend(TransformersOptions(base=folder / "hf"))
    onnx = OnnxBackend(
        OnnxOptions(base=folder / "base.gguf", cache=folder / "cache", context_tokens=256)
    )
    llama = LlamaBackend(LlamaOptions(base=folder / "base.gguf", context_tokens=256))
    texts = ["", "the time is 12:30", "Agent: hello\nCustomer: que tal, señor"]
    try:
        expected = [llama.count_tokens(each) for each in texts]
    finally:
        llama.close()

    assert [transformers.count_tokens(each) for each in texts] == expected
    assert [onnx.count_tokens(each) for each in texts] == expected


def test_a_folder_without_a_model_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelIntegrityError, match="cannot be loaded") as told:
        TransformersBackend(TransformersOptions(base=tmp_path))

    assert "\n" not in str(told.value)

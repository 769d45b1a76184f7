"""ONNX Runtime in this process: answers, what is read once, conversions, limits."""

import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.analytics.backends.grammar import compiled
from models.analytics.backends.onnx import OnnxBackend, OnnxOptions
from models.analytics.backends.protocol import Generated
from models.analytics.network import conversion
from models.analytics.network.conversion import ConvertedModel, converted_model
from models.analytics.network.graph import quantise_blocks
from models.analytics.network.session import LlamaNetwork
from models.analytics.prompts import Prompt
from models.extras.gguf import gguf
from models.store.manifest import load_manifest
from schemas.errors import ConfigurationError, ModelIntegrityError, ModelNotFoundError
from schemas.failed import Failed
from tests.support.analytics.asked import ENDLESS, GRAMMAR, request_of, texts_of
from tests.support.analytics.tiny_llm import (
    load_hugging_face,
    logits_of,
    make_gguf,
    make_hugging_face,
    make_peft,
)
from training.analytics.adapters.bases import read_shape
from training.analytics.adapters.gguf_adapter import write_gguf
from training.analytics.adapters.peft_folder import read_peft

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
TOKENS = [3, 70, 12, 258, 9, 44, 101, 7, 8, 8, 250, 31]
convert_apart = conversion._convert_apart  # before the tests convert in their own process
NEAR = 2e-4  # of logits of about 10, in fp32


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    for kind in ("llama", "qwen2"):
        base = make_hugging_face(folder / kind, kind, max_position_embeddings=1024)
        make_gguf(base, folder / f"{kind}.gguf")
    make_peft(folder / "llama", folder / "peft")
    write_gguf(read_peft(folder / "peft"), folder / "adapter.gguf", read_shape(folder / "llama"))
    return folder


def options_of(folder: Path, **fields: Any) -> OnnxOptions:
    """Return the options of the tiny model."""
    told: dict[str, Any] = {
        "base": folder / "llama.gguf",
        "cache": folder / "cache",
        "context_tokens": 1024,
    }
    return OnnxOptions(**(told | fields))


def network_of(folder: Path, kind: str, precision: Any = "fp32") -> LlamaNetwork:
    """Return a tiny model that reads tokens."""
    path = converted_model(folder / f"{kind}.gguf", None, precision, folder / "cache")
    model = load_manifest(path, ConvertedModel)
    return LlamaNetwork(path.with_name(model.file), model.dimensions, 512, threads=1)


def written(backend: OnnxBackend, numbers: Sequence[int]) -> list[Generated]:
    """Return answers, all of which must be there."""
    answers = backend.generate([request_of(number) for number in numbers])
    texts_of(answers)
    return [each for each in answers if isinstance(each, Generated)]


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_logits_are_those_of_torch_however_the_tokens_come(folder: Path, kind: str) -> None:
    """At once, one by one, in pieces, and again from the middle."""
    network = network_of(folder, kind)
    expected = logits_of(load_hugging_face(folder / kind), TOKENS)

    np.testing.assert_allclose(network.read(TOKENS), expected[-1], atol=NEAR)
    assert network.rewind([TOKENS[0]]) == 0
    for place, token in enumerate(TOKENS):
        np.testing.assert_allclose(network.read([token]), expected[place], atol=NEAR)
    assert network.rewind([*TOKENS[:5], 99, 98]) == 5
    network.read([99, 98])
    assert network.rewind(TOKENS) == 5
    np.testing.assert_allclose(network.read(TOKENS[5:8]), expected[7], atol=NEAR)
    np.testing.assert_allclose(network.read(TOKENS[8:]), expected[-1], atol=NEAR)


def test_eight_bits_round_a_weight_by_half_a_step(folder: Path) -> None:
    values = np.random.default_rng(0).normal(size=(6, 128)).astype(np.float32)
    values[2, :64] = 0.0
    whole, scales = quantise_blocks(values, 64)
    back = (whole.astype(np.float32) - 128) * scales[..., np.newaxis]

    assert whole.shape == (6, 2, 64)
    assert np.all(np.abs(back.reshape(values.shape) - values).reshape(6, 2, 64).max(-1)
                  <= scales / 2 + 1e-7)  # fmt: skip
    exact, rounded = (network_of(folder, "llama", each).read(TOKENS) for each in ("fp32", "int8"))
    assert np.abs(exact - rounded).max() > 0
    assert np.corrcoef(exact, rounded)[0, 1] > 0.995


def test_every_answer_is_one_of_the_grammar_whatever_the_weights(folder: Path) -> None:
    """The weights are random; 200 calls in 8 bits."""
    answers = written(OnnxBackend(options_of(folder)), range(200))

    assert all(compiled(GRAMMAR).accepts(each.text) for each in answers)
    assert len({each.text for each in answers}) > 10
    for answer in answers:
        assert "".join(text for text, _ in answer.tokens) == answer.text
        assert all(0 < share <= 1 for _, share in answer.tokens)
        assert answer.tokens[0][1] == 1.0  # the grammar leaves no choice there


def test_what_prompts_have_in_common_is_read_once(folder: Path) -> None:
    first, _, again, at_once = written(OnnxBackend(options_of(folder)), (3, 2, 3, 3))

    assert first.cached_tokens == 0
    assert first.text == again.text == at_once.text
    assert 0 < again.cached_tokens < at_once.cached_tokens == at_once.prompt_tokens - 1
    assert first.tokens == again.tokens


def test_a_document_is_read_as_it_is(folder: Path) -> None:
    backend = OnnxBackend(options_of(folder))
    prompt = Prompt("", "<|user|>\nhello\n\n<|assistant|>\n", (0,))
    (answer,) = backend.generate([request_of(prompt=prompt, form="document")])

    assert isinstance(answer, Generated)
    assert answer.prompt_tokens == backend.count_tokens(prompt.user)


def test_drawn_answers_differ_and_repeat_with_their_seed(folder: Path) -> None:
    backend = OnnxBackend(options_of(folder))
    drawn = [
        texts_of(backend.generate([request_of(1, temperature=2.0, seed=seed)]))[0]
        for seed in (*range(12), 5)
    ]

    assert len(set(drawn)) > 3
    assert drawn[5] == drawn[-1]


def test_an_answer_that_takes_too_long_fails_and_the_next_does_not(folder: Path) -> None:
    backend = OnnxBackend(options_of(folder, timeout_s=0.05))
    endless = request_of(grammar=ENDLESS, max_tokens=900)

    assert backend.generate([endless]) == [Failed("no answer within 0.05 s", retryable=True)]
    (cut,) = OnnxBackend(options_of(folder)).generate([request_of(grammar=ENDLESS, max_tokens=9)])
    assert cut == Failed("the answer was cut after 9 tokens", retryable=False)


def test_a_prompt_that_has_no_room_fails(folder: Path) -> None:
    backend = OnnxBackend(options_of(folder, context_tokens=64))
    (failure,) = backend.generate([request_of(1)])

    assert isinstance(failure, Failed)
    assert "of prompt and 32 of answer are more than 64" in failure.reason
    assert not failure.retryable
    with pytest.raises(ConfigurationError, match="take up to 2000 tokens, the model 1024"):
        OnnxBackend(options_of(folder, context_tokens=2000))


def test_closing_lets_the_answer_that_is_written_fail(folder: Path) -> None:
    backend = OnnxBackend(options_of(folder))
    found: list[object] = []
    asked = request_of(grammar=ENDLESS, max_tokens=900)
    thread = threading.Thread(target=lambda: found.extend(backend.generate([asked])))
    thread.start()
    backend.close()
    thread.join()

    assert found == [Failed("the model was closed", retryable=False)]


def test_a_conversion_is_made_once_for_each_adapter_and_mends_itself(folder: Path) -> None:
    cache, base = folder / "own", folder / "llama.gguf"
    plain = converted_model(base, None, "int8", cache)
    adapted = converted_model(base, folder / "adapter.gguf", "int8", cache)
    weights = plain.with_suffix(".weights")
    made = weights.stat().st_mtime_ns

    assert plain != adapted
    assert converted_model(base, None, "int8", cache) == plain
    assert weights.stat().st_mtime_ns == made
    intact = weights.read_bytes()
    weights.write_bytes(intact[:-9])
    assert converted_model(base, None, "int8", cache) == plain
    assert weights.read_bytes() == intact


def test_conversions_that_nothing_opens_go_once_another_is_made(
    folder: Path, tmp_path: Path
) -> None:
    """One that is opened stays, however long ago it was made."""
    base, adapter = folder / "llama.gguf", folder / "adapter.gguf"
    cache = tmp_path / "cache"
    unused = converted_model(base, None, "int8", cache)
    used = converted_model(base, None, "fp32", cache)
    for path in cache.iterdir():
        os.utime(path, (0, 0))
    assert converted_model(base, None, "fp32", cache) == used

    made = converted_model(base, adapter, "int8", cache)

    kept = {path.name.partition(".")[0] for path in cache.iterdir() if path.name[0] != "."}
    assert kept == {used.stem, made.stem}
    assert unused.stem not in kept
    assert converted_model(base, None, "fp32", cache) == used


def test_what_cannot_be_converted_is_told_in_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the process that converts, as it is outside of the tests."""
    base = folder / "llama.gguf"
    (tmp_path / "torn.gguf").write_bytes(base.read_bytes()[:2000])
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(conversion, "_convert_apart", convert_apart)
    narrow = make_hugging_face(tmp_path / "narrow", hidden_size=32, intermediate_size=64)
    make_gguf(narrow, tmp_path / "narrow.gguf")

    with pytest.raises(ModelIntegrityError, match=r"torn\.gguf is no GGUF file, or damaged"):
        converted_model(tmp_path / "torn.gguf", None, "int8", tmp_path / "cache")
    with pytest.raises(ModelNotFoundError, match=r"no file .*none\.gguf"):
        converted_model(tmp_path / "none.gguf", None, "int8", tmp_path / "cache")
    with pytest.raises(ModelNotFoundError, match=r"no file .*llama: the back-end onnx reads GGUF"):
        converted_model(folder / "llama", None, "int8", tmp_path / "cache")
    with pytest.raises(ModelNotFoundError, match=r"has to be converted once, and .* cannot be"):
        converted_model(base, None, "int8", tmp_path / "file" / "cache")
    with pytest.raises(ConfigurationError, match=r"adapter\.gguf does not fit blk\.0\.ffn_down"):
        converted_model(
            tmp_path / "narrow.gguf", folder / "adapter.gguf", "int8", tmp_path / "cache"
        )
    with pytest.raises(ConfigurationError, match="is no LoRA adapter"):
        converted_model(base, base, "int8", tmp_path / "cache")


def test_other_kinds_of_models_are_sent_to_another_backend(folder: Path, tmp_path: Path) -> None:
    make_gguf(folder / "llama", tmp_path / "cut.gguf", cut="tekken")
    writer = gguf.GGUFWriter(tmp_path / "mamba.gguf", "mamba")
    writer.add_tensor("token_embd.weight", np.zeros((8, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    for name, told in (
        ("cut", "does not know the tokenizer gpt2 tekken"),
        ("mamba", "is a mamba model; the back-end onnx runs llama, qwen2"),
    ):
        with pytest.raises(ConfigurationError, match=f"{told}: choose the back-end llama"):
            converted_model(tmp_path / f"{name}.gguf", None, "int8", tmp_path / "cache")


def test_the_process_that_converts_may_be_killed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where memory is short; the next start converts."""
    monkeypatch.setattr(conversion, "_convert_apart", convert_apart)
    monkeypatch.setattr(conversion, "convert", killed)

    with pytest.raises(ModelIntegrityError, match=r"llama\.gguf was not converted: the process"):
        converted_model(folder / "llama.gguf", None, "int8", tmp_path)
    monkeypatch.undo()
    assert converted_model(folder / "llama.gguf", None, "int8", tmp_path).is_file()


def killed(*_: object) -> None:
    """End the process at once, as the kernel does."""
    os.kill(os.getpid(), signal.SIGKILL)

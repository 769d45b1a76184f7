from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

import numpy as np
import onnx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.text.encoder import load_tokenizer
from models.turns.detector import TurnDetector, probability_of
from models.turns.inputs import TurnInputs
from models.turns.manifest import load_turn_manifest
from schemas.errors import InferenceError, ModelIntegrityError, ModelNotFoundError
from tests.support.examples import examples
from tests.support.models.tiny_trained_turns import export_tiny, mobilebert_config
from tests.support.models.tiny_turns import WORDS

if TYPE_CHECKING:
    from pathlib import Path

BAD_INPUTS = (
    "",
    " \t\n",
    "yes",
    "?",
    "na " * 3_334,
    "x" * 10_000,
    "!" * 10_000,
    "\U0001f44d\U0001f3fd" * 50,
    "\u6211\u7684\u7535\u8bdd\u53f7\u7801\u662f",
    "\u043c\u043e\u0439 \u043d\u043e\u043c\u0435\u0440",
    "\ud800",
    "yes\ud83d",
    "\x00",
    "my\x00number",
    "[SEP] [PAD] [CLS]",
)


def sentences(count: int, seed: int = 0) -> list[str]:
    chooser = random.Random(seed)
    return [" ".join(chooser.choices(WORDS, k=chooser.randint(1, 150))) for _ in range(count)]


def check_independence(detector: TurnDetector, texts: list[str]) -> None:
    """Fail unless each text's probability is the same alone and with any others."""
    chooser = random.Random(1)
    variants = [chooser.choice(detector.variants) for _ in texts]
    alone = [
        detector.probabilities([text], [variant])[0]
        for text, variant in zip(texts, variants, strict=True)
    ]
    for _ in range(12):
        numbers = chooser.sample(range(len(texts)), k=chooser.randint(2, len(texts)))
        together = detector.probabilities(
            [texts[number] for number in numbers], [variants[number] for number in numbers]
        )
        assert together == [alone[number] for number in numbers]
    assert len(set(alone)) > len(texts) // 2  # they do differ from one another


def test_a_probability_is_the_same_to_the_last_bit_whatever_shares_its_run(
    detector: TurnDetector,
) -> None:
    """The deterministic lane may not depend on what else the worker has to judge."""
    check_independence(detector, sentences(40))


def test_a_fully_padded_model_is_as_independent(tmp_path: Path) -> None:
    """MobileBERT's output depends on padding, so it always runs at full length."""
    manifest = export_tiny(tmp_path, config=mobilebert_config())

    assert load_turn_manifest(manifest).padding == "full"
    check_independence(TurnDetector.load(manifest), sentences(20))


def test_dynamic_scales_of_the_runtime_would_depend_on_the_batch(
    tiny_manifest: Path, tmp_path: Path
) -> None:
    """Why the products are quantised by ourselves: the same test fails with ORT's operator."""
    fp32 = onnx.load(tiny_manifest.parent / "fp32" / "tiny-turns.onnx")
    quantization = pytest.importorskip("onnxruntime.quantization")
    onnx.save(fp32, tmp_path / "fp32.onnx")
    quantization.quantize_dynamic(
        tmp_path / "fp32.onnx", tmp_path / "dynamic.onnx", per_channel=True
    )
    manifest = load_turn_manifest(tiny_manifest)
    tokenizer = load_tokenizer(tiny_manifest.parent / manifest.tokenizer_file)
    from models.onnx_session import open_session  # noqa: PLC0415

    session = open_session(tmp_path / "dynamic.onnx", device="cpu", threads=1)
    dynamic = TurnDetector(session, TurnInputs(tokenizer, manifest), manifest)

    with pytest.raises(AssertionError):
        check_independence(dynamic, sentences(40))


@pytest.mark.parametrize("text", BAD_INPUTS)
def test_bad_input_gives_a_defined_answer(detector: TurnDetector, text: str) -> None:
    (probability,) = detector.probabilities([text], ["general"])

    assert 0.0 <= probability <= 1.0


@settings(examples(60), suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(st.characters(), max_size=200), min_size=1, max_size=4))
def test_no_text_is_refused(detector: TurnDetector, texts: list[str]) -> None:
    probabilities = detector.probabilities(texts, ["customer"] * len(texts))

    assert all(0.0 <= probability <= 1.0 for probability in probabilities)


@pytest.mark.parametrize("text", ["", "...", "\U0001f44d", "\ud800"])
def test_a_text_without_words_is_not_finished(detector: TurnDetector, text: str) -> None:
    assert detector.probabilities([text], ["general"]) == [0.0]


def test_a_long_text_is_judged_by_its_tail(detector: TurnDetector) -> None:
    """126 words fill the model: what stands before them changes nothing."""
    tail = " ".join(sentences(1, seed=3)[0].split() * 126).split()[-126:]
    texts = [" ".join(tail), "no " * 500 + " ".join(tail), "um please " * 2_000 + " ".join(tail)]

    first, *others = detector.probabilities(texts, ["general"] * 3)

    assert others == [first, first]
    assert detector.probabilities([" ".join([*tail[:-1], "um"])], ["general"]) != [first]


def test_punctuation_and_capitals_say_nothing(detector: TurnDetector) -> None:
    texts = ["my number is", "My number is.", "MY NUMBER IS?"]

    assert len(set(detector.probabilities(texts, ["general"] * 3))) == 1


def test_each_variant_has_a_head_of_its_own(detector: TurnDetector) -> None:
    general, customer = detector.probabilities(["my number"] * 2, ["general", "customer"])

    assert general != customer


def test_a_name_says_which_file_judged(detector: TurnDetector, tiny_manifest: Path) -> None:
    digits = load_turn_manifest(tiny_manifest).sha256[:8]

    assert detector.name == f"tiny-turns@{digits}"


def test_an_unknown_variant_is_an_error(detector: TurnDetector) -> None:
    with pytest.raises(InferenceError, match="general"):
        detector.probabilities(["yes"], ["insurance"])


def test_one_variant_is_wanted_for_each_text(detector: TurnDetector) -> None:
    with pytest.raises(InferenceError):
        detector.probabilities(["yes", "no"], ["general"])


def test_a_damaged_graph_is_not_loaded(folder: Path) -> None:
    graph = folder / "tiny-turns.onnx"
    graph.write_bytes(graph.read_bytes()[:-100])

    with pytest.raises(ModelIntegrityError, match="sha256"):
        TurnDetector.load(folder / "tiny-turns.json")


def test_a_tokenizer_of_more_pieces_than_the_graph_knows_is_refused(folder: Path) -> None:
    """Else it would fail in the middle of a call, on the first rare word."""
    path = folder / "tiny-turns.tokenizer.json"
    tokenizer = load_tokenizer(path)
    tokenizer.add_tokens([f"word{number}" for number in range(20)])
    path.write_text(tokenizer.to_str())
    manifest = folder / "tiny-turns.json"
    content = orjson.loads(manifest.read_bytes())
    content["other_files"] = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}
    manifest.write_bytes(orjson.dumps(content))

    with pytest.raises(ModelIntegrityError, match="cannot be run"):
        TurnDetector.load(manifest)


def test_a_missing_tokenizer_is_not_found(folder: Path) -> None:
    (folder / "tiny-turns.tokenizer.json").unlink()

    with pytest.raises(ModelNotFoundError, match="tokenizer"):
        TurnDetector.load(folder / "tiny-turns.json")


@pytest.mark.parametrize(("logit", "probability"), [(0.0, 0.5), (2_000.0, 1.0), (-2_000.0, 0.0)])
def test_any_logit_has_a_probability(logit: float, probability: float) -> None:
    assert probability_of(logit) == probability


def test_no_logit_means_not_finished() -> None:
    """Silence alone then ends the turn."""
    assert probability_of(float(np.nan)) == 0.0

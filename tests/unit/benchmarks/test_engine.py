"""The engine benchmark on a fake engine: what it asks for and what it makes of the costs."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchmarks.core.backends import Backend, parse_backends
from benchmarks.core.random_weights import random_checkpoint
from benchmarks.engine import measurement as engine_benchmark
from benchmarks.engine.cases import (
    Cell,
    EngineOptions,
    calls_per_core,
    calls_spread,
    cells,
)
from benchmarks.engine.measurement import Subject, check_options, measure, measure_round
from models.asr.core.hypothesis import Hypothesis
from models.asr.core.requests import BEAM_SIZE, DEFAULT_OPTIONS, DecodeOptions, SpeechRequest
from models.audio.samples import FloatArray
from schemas.errors import CallstreamError, ConfigurationError


class _FakeEngine:
    """Writes as many tokens as it is told to, or one for each second."""

    name = "fake"
    max_samples = 30 * 16_000
    max_segment_ms = 0

    def __init__(self, *, obeys: bool = True) -> None:
        self.obeys = obeys
        self.batches: list[list[SpeechRequest]] = []

    def transcribe(
        self, samples: FloatArray, options: DecodeOptions = DEFAULT_OPTIONS
    ) -> Hypothesis:
        return self.transcribe_batch([SpeechRequest(samples, options)])[0]

    def transcribe_batch(self, requests: Sequence[SpeechRequest]) -> list[Hypothesis]:
        self.batches.append(list(requests))
        float(np.linalg.norm(np.ones((300, 300)) @ np.ones((300, 300))))  # some CPU time
        return [Hypothesis(tokens=tuple(range(self._count(one)))) for one in requests]

    def _count(self, request: SpeechRequest) -> int:
        if request.options.forced_tokens and self.obeys:
            return request.options.forced_tokens
        return len(request.samples) // 16_000


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> _FakeEngine:
    engine = _FakeEngine()
    monkeypatch.setattr(engine_benchmark, "load_backend", lambda *_, **__: engine)
    monkeypatch.setattr(engine_benchmark, "random_checkpoint", lambda *_: tmp_path / "random.pt")
    return engine


OPTIONS = EngineOptions(models=("bundled",), backends=(Backend("onnx", "int8"),), rounds=2)


def test_updates_and_a_share_of_a_final_fill_the_core() -> None:
    """100 ms an update and 250 ms a final every 5 s are 150 ms a second."""
    assert calls_per_core(0.1, 0.25, 5.0) == pytest.approx(1 / 0.15)


def test_the_spread_is_taken_over_rounds_of_calls() -> None:
    spread = calls_spread([0.1, 0.05, 0.2], [0.0, 0.0, 0.0], 5.0)

    assert (spread.median, spread.low, spread.high) == pytest.approx((10.0, 5.0, 20.0))


def test_exact_updates_take_no_draft() -> None:
    assert all(not (cell.is_exact and cell.has_draft) for cell in cells((1, 8)))
    assert len(cells((1, 8))) == 6


def test_backends_are_read_with_their_precision() -> None:
    assert parse_backends("onnx:int8, torch:fp32") == (
        Backend("onnx", "int8"),
        Backend("torch", "fp32"),
    )


@pytest.mark.parametrize("text", ["onnx", "onnx:", ":int8", ""])
def test_a_backend_without_precision_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no back-end"):
        parse_backends(text)


def test_a_backend_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"no back-end 'onnx:fp13'; choose from .*onnx:"):
        parse_backends("onnx:fp13")


@pytest.mark.parametrize(
    "changes", [{"window_s": 0.5}, {"rounds": 0}, {"batches": ()}, {"core": 4_096}]
)
def test_options_that_make_no_sense_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        check_options(msgspec.structs.replace(OPTIONS, **changes))


def test_every_case_is_reported_with_its_spread(fake: _FakeEngine, tmp_path: Path) -> None:
    report = measure(OPTIONS, weights=tmp_path, out=tmp_path / "out")

    assert report["schema"] == "benchmark_engine.v1"
    assert {(row["batch"], row["draft"], row["exact"]) for row in report["rows"]} == {
        (batch, draft, exact)
        for batch in (1, 8)
        for draft, exact in ((False, True), (False, False), (True, False))
    }
    for row in report["rows"]:
        assert row["engine"] == "_FakeEngine"
        assert row["calls_per_core"]["rounds"] == 2
        assert row["calls_per_core"]["low"] <= row["calls_per_core"]["median"]
    assert set(report["machine"]) >= {"cpu", "cores", "commit", "python", "onnxruntime"}
    assert (tmp_path / "out" / "engine.png").stat().st_size > 1_000
    assert fake.batches


def test_streams_are_decoded_together_and_finals_alone(fake: _FakeEngine) -> None:
    subject = engine_benchmark.load_subject("bundled", "bundled", Backend("onnx", "int8"), OPTIONS)
    measure_round(subject, [Cell(8, has_draft=True, is_exact=False)], is_warm_up=True)
    fake.batches.clear()

    measure_round(subject, [Cell(8, has_draft=True, is_exact=False)], is_warm_up=False)

    *finals, updates = fake.batches
    assert [len(batch) for batch in finals] == [1] * 8
    assert all(batch[0].is_exact and not batch[0].draft for batch in finals)
    assert len(updates) == 8
    assert all(not one.is_exact for one in updates)
    assert all(one.options.beam_size == 1 for one in updates)
    assert all(batch[0].options.beam_size == BEAM_SIZE for batch in finals)


def test_drafts_of_real_weights_are_what_was_heard_a_second_before(fake: _FakeEngine) -> None:
    subject = engine_benchmark.load_subject("bundled", "bundled", Backend("onnx", "int8"), OPTIONS)

    measure_round(subject, [Cell(8, has_draft=True, is_exact=False)], is_warm_up=True)

    assert all(len(one.draft) == 4 for one in fake.batches[-1])  # one token a second, 5 s window


def test_drafts_of_random_weights_are_the_beginning_of_what_they_write(fake: _FakeEngine) -> None:
    subject = engine_benchmark.load_subject("tiny", "tiny", Backend("onnx", "int8"), OPTIONS)

    measure_round(subject, [Cell(8, has_draft=True, is_exact=False)], is_warm_up=True)

    assert all(one.options.forced_tokens == 18 for one in fake.batches[-1])
    assert all(len(one.draft) == 18 - 4 for one in fake.batches[-1])


def test_an_engine_that_writes_another_number_of_tokens_is_not_measured(fake: _FakeEngine) -> None:
    fake.obeys = False
    subject = engine_benchmark.load_subject("tiny", "tiny", Backend("onnx", "int8"), OPTIONS)

    with pytest.raises(CallstreamError, match=r"wrote 5\.0 tokens, not 18\.0"):
        measure_round(subject, cells((1,)), is_warm_up=True)


def test_growing_utterances_have_an_update_for_each_second(fake: _FakeEngine) -> None:
    options = msgspec.structs.replace(OPTIONS, shape="growing")
    subject = engine_benchmark.load_subject("bundled", "bundled", Backend("onnx", "int8"), options)

    lengths = [len(one.samples) / 16_000 for one in subject.streams[0].updates]

    assert lengths == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert fake.batches == []


def test_a_final_takes_its_passage_and_updates_the_window(fake: _FakeEngine) -> None:
    options = msgspec.structs.replace(OPTIONS, passage_s=9.0)

    subject = engine_benchmark.load_subject("bundled", "bundled", Backend("onnx", "int8"), options)

    stream = subject.streams[0]
    assert len(stream.final.samples) == 9 * 16_000
    assert [len(one.samples) for one in stream.updates] == [5 * 16_000]
    fake.max_samples = 8 * 16_000
    with pytest.raises(ConfigurationError, match=r"at most 8\.0 s"):
        engine_benchmark.load_subject("bundled", "bundled", Backend("onnx", "int8"), options)


def test_windows_longer_than_the_weights_take_are_refused(fake: _FakeEngine) -> None:
    fake.max_samples = 88_000
    options = msgspec.structs.replace(OPTIONS, window_s=10.0)

    with pytest.raises(ConfigurationError, match=r"at most 5\.5 s"):
        engine_benchmark.load_subject("bundled", "bundled", Backend("onnx", "int8"), options)


def test_an_unknown_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no size 'huge'"):
        random_checkpoint("huge", tmp_path)


@pytest.mark.parametrize(
    ("model", "label"),
    [
        ("bundled", "bundled"),
        ("tiny", "tiny"),
        ("/models/cut/callstream-en.json", "cut/callstream-en"),
    ],
)
def test_weights_are_named_without_the_folders_above_them(
    fake: _FakeEngine, model: str, label: str
) -> None:
    assert Subject(model, Backend("onnx", "int8"), fake, []).label == label

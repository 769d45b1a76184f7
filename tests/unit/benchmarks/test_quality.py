"""Policies on decodes of growing utterances, with a fake engine that knows what is said."""

from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from rich.console import Console

from benchmarks.core.backends import Backend, load_backend, parse_backends
from benchmarks.core.held_out_sets import HeldOut, demo_utterances, load_sets
from benchmarks.core.real_sets import load_real_sets
from benchmarks.core.reference import TrueWord
from benchmarks.quality import measurement as quality
from benchmarks.quality.measurement import QualityOptions
from benchmarks.quality.pieces import pieces_at_pauses, windows
from benchmarks.quality.plot import tables
from benchmarks.quality.policies import (
    PAUSE_MS,
    STEP_MS,
    GrowingUtterance,
    PolicyCase,
    commit_times,
    grow,
    policy_cases,
    policy_figures,
    shorten,
)
from benchmarks.quality.systems import System, parse_systems
from benchmarks.quality.word_rates import is_runaway
from models.asr.core.hypothesis import Hypothesis, Word
from models.asr.core.policy import PolicyConfig
from models.asr.core.requests import BEAM_SIZE, DEFAULT_OPTIONS, DecodeOptions, SpeechRequest
from models.audio.samples import FloatArray
from schemas.errors import ConfigurationError
from stream_app.demo.session import DEMO_CALL
from tests.support.models.micro import MICRO
from tests.support.speech_training.speech_corpora import write_speech_corpora
from training.core.sampling import spread_evenly

WORDS = tuple("to the order green black white".split())
SAID = tuple(TrueWord(text, 300 * n, 300 * n + 250) for n, text in enumerate(WORDS))
UTTERANCE = HeldOut(np.zeros(16 * 2_000, dtype=np.float32), WORDS, SAID)


class _Oracle:
    """Hears every word that has ended; the last one of them wrong until 300 ms later."""

    name = "oracle"
    max_samples = 30 * 16_000
    max_segment_ms = 0

    def transcribe(
        self, samples: FloatArray, options: DecodeOptions = DEFAULT_OPTIONS
    ) -> Hypothesis:
        del options
        now_ms = len(samples) // 16
        words = [
            Word(
                text=word.text if now_ms >= word.end_ms + 300 or now_ms >= 2_000 else "um",
                start_ms=word.start_ms,
                end_ms=word.end_ms,
                confidence=1.0,
            )
            for word in SAID
            if word.end_ms <= now_ms
        ]
        text = " ".join(word.text for word in words)
        return Hypothesis(text=text, words=tuple(words), duration_ms=now_ms)

    def transcribe_batch(self, requests: Sequence[SpeechRequest]) -> list[Hypothesis]:
        self.beam_sizes = [request.options.beam_size for request in requests]
        return [self.transcribe(request.samples) for request in requests]


class _Deaf(_Oracle):
    """Hears nothing."""

    def transcribe(
        self, samples: FloatArray, options: DecodeOptions = DEFAULT_OPTIONS
    ) -> Hypothesis:
        del samples, options
        return Hypothesis()


def grown() -> GrowingUtterance:
    return grow(UTTERANCE, _Oracle())


def test_beginnings_are_decoded_as_partials_are() -> None:
    oracle = _Oracle()

    grow(UTTERANCE, oracle)

    *partials, final = oracle.beam_sizes
    assert set(partials) == {1}
    assert final == BEAM_SIZE


def case(name: Any, *, guard_ms: int = 400, interval_ms: int = 250) -> PolicyCase:
    return PolicyCase(PolicyConfig(name=name, guard_ms=guard_ms), interval_ms)


def test_an_utterance_is_decoded_from_its_beginning_at_every_step() -> None:
    durations = [partial.duration_ms for partial in grown().partials]

    assert durations == list(range(STEP_MS, 2_000, STEP_MS))
    assert grown().final.duration_ms == 2_000


def test_utterance_only_commits_everything_with_the_final() -> None:
    times = commit_times(case("utterance_only"), grown())

    assert [word.text for word, _ in times] == list(WORDS)
    assert {at_ms for _, at_ms in times} == {2_000 + PAUSE_MS}


def test_every_policy_commits_every_word_once() -> None:
    for each in policy_cases():
        times = commit_times(each, grown())
        starts = [word.start_ms for word, _ in times]
        assert starts == sorted(set(starts))
        assert len(times) == len(SAID)


def test_a_longer_interval_delays_agreement() -> None:
    often, seldom = (
        policy_figures(case("local_agreement", interval_ms=ms), [grown()]) for ms in (250, 500)
    )

    assert often["commit_delay_ms"]["p50"] < seldom["commit_delay_ms"]["p50"]


def test_a_guard_trades_delay_for_errors() -> None:
    """Without a guard the oracle's wrong last words are committed; with one they are not."""
    hasty, careful = (
        policy_figures(case("attention_guided", guard_ms=ms), [grown()]) for ms in (0, 400)
    )

    assert hasty["word_error_rate"].rate > careful["word_error_rate"].rate == 0
    assert careful["early_share"] > 0


def test_a_long_utterance_is_parted_between_words() -> None:
    pieces = shorten(UTTERANCE, 1_000)

    assert [word for piece in pieces for word in piece.words] == list(WORDS)
    assert sum(len(piece.samples) for piece in pieces) == len(UTTERANCE.samples)
    assert all(len(piece.samples) <= 16_000 for piece in pieces)
    for piece in pieces:
        assert all(0 <= w.start_ms < w.end_ms <= len(piece.samples) // 16 for w in piece.true_words)


def test_a_short_utterance_stays_whole() -> None:
    assert shorten(UTTERANCE, 5_500) == [UTTERANCE]
    assert shorten(UTTERANCE, 0) == [UTTERANCE]


def test_utterances_of_the_demo_call_hold_their_words_where_they_say() -> None:
    """The audio is louder where a word is said than in the margin before the first one."""
    for utterance in demo_utterances(DEMO_CALL.parent)[:4]:
        first = utterance.true_words[0]
        spoken = utterance.samples[first.start_ms * 16 : first.end_ms * 16]
        margin = utterance.samples[: first.start_ms * 16 - 800]
        assert np.std(spoken) > 4 * np.std(margin)


def test_a_sample_of_a_set_is_taken_from_all_of_it() -> None:
    assert spread_evenly(10, 4) == [0, 2, 5, 7]
    assert spread_evenly(3, 4) == [0, 1, 2]


def test_sets_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    sets = load_sets(DEMO_CALL.parent, tmp_path, most=3, is_telephone=True)

    assert {name: len(utterances) for name, utterances in sets.items()} == {"demo_call": 3}


def options(tmp_path: Path, **changes: Any) -> QualityOptions:
    values: dict[str, Any] = {
        "systems": parse_systems(["bundled", "bundled@full"], parse_backends("onnx:int8")),
        "lines": ("telephone",),
        "cut": "windows",
        "limit": 4,
        "pieces": 0,
        "policy_limit": 2,
        "non_speech_minutes": 0.0,
        "demo_call": DEMO_CALL.parent,
        "data": None,
        "work": tmp_path,
    }
    return QualityOptions(**{**values, **changes})


def test_the_report_compares_systems_and_policies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(System, "load", lambda _: _Oracle())

    report = quality.measure(options(tmp_path), out=tmp_path)

    first, second = report["error_rates"]
    assert first["set"] == second["set"] == "demo_call"
    assert "difference" not in first
    assert second["difference"]["rate"] == 0.0
    assert second["ratio"] == 1.0
    assert {bar["system"] for bar in report["bars"]} == {second["system"]}
    assert 0.8 < first["word_error_rate"]["rate"] <= 1.5  # the oracle says only letters
    assert {row["policy"] for row in report["policies"]} == {
        "local_agreement",
        "attention_guided",
        "utterance_only",
    }
    assert report["non_speech"] == []
    shown = StringIO()
    Console(file=shown, width=100).print(tables(report))
    title = f"{second['system']} passes "
    assert title in shown.getvalue()
    assert shown.getvalue().index("fail") < shown.getvalue().index("not measured")
    assert (tmp_path / "quality.png").stat().st_size > 1_000


def _kept(monkeypatch: pytest.MonkeyPatch, folder: Path) -> tuple[QualityOptions, dict[str, Any]]:
    """Return options and report of a run that kept what it heard; later ones hear nothing."""
    settings = options(folder, keeps=True, policy_limit=0)
    monkeypatch.setattr(System, "load", lambda _: _Oracle())
    first = quality.measure(settings, out=folder)
    monkeypatch.setattr(System, "load", lambda _: _Deaf())
    return settings, first


def test_what_was_heard_is_kept_and_not_decoded_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings, first = _kept(monkeypatch, tmp_path)

    again = quality.measure(settings, out=tmp_path)

    assert again["error_rates"] == first["error_rates"]
    assert quality.measure(options(tmp_path), out=tmp_path)["error_rates"] != first["error_rates"]


def test_what_was_heard_with_another_beam_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings, first = _kept(monkeypatch, tmp_path)

    systems = parse_systems(["bundled=onnx:int8:1"], ())
    greedy = quality.measure(msgspec.structs.replace(settings, systems=systems), out=tmp_path)

    (rates, *_), (own, *_) = first["error_rates"], greedy["error_rates"]
    assert rates["word_error_rate"] != own["word_error_rate"]


def test_a_system_is_decoded_with_its_beam(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sizes = set()

    class Noting(_Deaf):
        def transcribe(
            self, samples: FloatArray, options: DecodeOptions = DEFAULT_OPTIONS
        ) -> Hypothesis:
            sizes.add(options.beam_size)
            return super().transcribe(samples)

    monkeypatch.setattr(System, "load", lambda _: Noting())
    systems = parse_systems(["bundled=onnx:int8:3"], ())
    settings = msgspec.structs.replace(options(tmp_path, policy_limit=0), systems=systems)
    quality.measure(settings, out=tmp_path)

    assert sizes == {3}


def test_int8_is_held_against_the_same_weights_in_full_precision(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (full,) = parse_systems(["bundled"], (Backend("onnx", "fp32"),))
    monkeypatch.setattr(System, "load", lambda one: _Deaf() if one == full else _Oracle())

    report = quality.measure(options(tmp_path, unquantized=full, policy_limit=0), out=tmp_path)

    rates = {row["system"]: row["word_error_rate"]["rate"] for row in report["error_rates"]}
    bars = {(bar["system"], bar["name"]): bar["measured"] for bar in report["bars"]}
    name = "demo_call: more word errors than in full precision"
    judged = "bundled padded to 30 s, onnx int8"
    assert bars[judged, name] == pytest.approx(rates[judged] - rates[full.label], abs=1e-4)
    assert rates[full.label] == 1.0
    assert (full.label, name) not in bars


def test_sound_without_words_is_measured_with_and_without_detection(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What the oracle hears in it counts; five seconds of dead line never reach it."""
    monkeypatch.setattr(System, "load", lambda _: _Oracle())

    report = quality.measure(
        options(tmp_path, non_speech_minutes=6.0, policy_limit=0), out=tmp_path
    )

    row = report["non_speech"][0]
    without = row["without_detection"]
    assert row["minutes"] == 6.0
    assert without["decodes"] == 24 > row["decodes"]
    assert without["words"] == sum(without["words_by_kind"].values()) > row["words"]
    assert "silence" not in without["words_by_kind"]


def test_nothing_to_measure_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least one recording"):
        quality.measure(options(tmp_path, limit=0), out=tmp_path)


def test_a_context_replaces_that_of_the_manifest() -> None:
    backend = Backend("onnx", "int8")
    engines = [load_backend(MICRO, backend, context=text) for text in ("", "full", "5000")]

    assert [engine.max_samples for engine in engines[1:]] == [30 * 16_000, 25 * 16_000]
    assert engines[0].max_samples > 25 * 16_000


def spoken(bursts_ms: Sequence[tuple[int, int]], length_ms: int) -> HeldOut:
    """Return a recording that sounds in these stretches and is nearly silent elsewhere."""
    random = np.random.default_rng(2)
    samples = random.standard_normal(length_ms * 16).astype(np.float32) * 0.0005
    for start_ms, end_ms in bursts_ms:
        samples[start_ms * 16 : end_ms * 16] *= 400
    return HeldOut(samples, tuple("abcdefgh"))


def test_pieces_lie_between_pauses_and_share_the_words() -> None:
    """Of the longest pause first; 300 ms of sound are too short to be a piece."""
    recording = spoken([(400, 1_400), (1_500, 2_500), (3_000, 3_300), (4_000, 5_700)], 6_000)

    first, second, *_ = pieces_at_pauses([recording])

    assert [round(len(each.samples) / 1600) for each in (first, second)] == [21, 17]
    assert first.expected_words == pytest.approx(8 * 2.1 / 4.1, abs=0.2)
    assert second.expected_words == pytest.approx(8 * 1.7 / 4.1, abs=0.2)


def test_other_pauses_add_other_pieces_and_none_twice() -> None:
    """A pause of 100 ms parts at 60 ms only, one of 300 ms joins at 400 ms only."""
    recording = spoken([(400, 1_400), (1_500, 2_500), (2_800, 4_500)], 5_000)

    lengths_ms = [round(len(each.samples) / 160) * 10 for each in pieces_at_pauses([recording])]

    assert lengths_ms == [2_100, 1_700, 4_100, 1_000, 1_000]


def test_long_audio_is_cut_into_windows_of_at_most_twelve_seconds() -> None:
    recording = spoken([(0, 11_000), (11_200, 30_000)], 30_000)

    parts = windows(recording.samples)

    assert sum(map(len, parts)) == len(recording.samples)
    assert max(map(len, parts)) <= 12 * 16_000
    assert 11_000 <= len(parts[0]) / 16 <= 11_200


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("a b c d e", 1, False),
        ("red blue green black white grey", 1, True),
        ("red blue green black", 0.4, True),
    ],
)
def test_more_than_twice_the_words_and_three_is_a_runaway(
    text: str, words: float, expected: bool
) -> None:
    assert is_runaway(text, words) is expected


def test_real_sets_are_read_from_the_archives(tmp_path: Path) -> None:
    """Only the test roles; read speech at one level, calls of 8 kHz at their own."""
    write_speech_corpora(tmp_path / "speech")

    sets = load_real_sets(tmp_path, most=2, line="telephone")
    clean = load_real_sets(tmp_path, most=2, line="clean 16 kHz")

    assert [one.words for one in sets["librispeech"]] == [("held", "out")]
    assert [one.words for one in sets["harper_valley"]] == [("my", "card"), ("no", "bye")]
    assert not {"harper_valley", "fsdd"} & set(clean)  # recorded at 8 kHz
    read, call = sets["librispeech"][0].samples, sets["harper_valley"][0].samples
    assert np.abs(read).max() == pytest.approx(0.49, abs=0.05)
    assert np.abs(call).max() == pytest.approx(0.1, abs=0.03)
    assert np.abs(clean["librispeech"][0].samples).max() == pytest.approx(0.7, abs=0.01)

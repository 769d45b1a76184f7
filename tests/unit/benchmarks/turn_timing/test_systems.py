"""Silence, our machine and smart-turn on lanes whose truth is known."""

from collections.abc import Sequence
from io import StringIO
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import orjson
import pytest
from rich.console import Console
from rich.progress import Progress

from benchmarks.core.reference import TrueWord
from benchmarks.turn_timing.calls.demo import read_demo_call
from benchmarks.turn_timing.calls.lanes import Lane, LaneRecorder, audio_messages, with_true_words
from benchmarks.turn_timing.calls.sets import TimedSet
from benchmarks.turn_timing.calls.text import lane_of_words, word_pauses
from benchmarks.turn_timing.calls.truth import RATE_HZ, TimedCall, TrueTurn
from benchmarks.turn_timing.measurement import compare
from benchmarks.turn_timing.plot import plot, tables
from benchmarks.turn_timing.systems import sweep
from benchmarks.turn_timing.systems.callstream import TextJudge, run_turns, without_partials
from benchmarks.turn_timing.systems.curves import (
    Machine,
    at_threshold,
    callstream_rows,
    prediction_rate,
    silence_rows,
    smart_turn_rows,
)
from benchmarks.turn_timing.systems.score import Decision
from benchmarks.turn_timing.systems.silence import silence_decisions, speech_stretches
from benchmarks.turn_timing.systems.smart_turn import FALLBACK_MS, SmartTurnCalls
from benchmarks.turn_timing.systems.sweep import (
    Trial,
    draw_settings,
    fastest_within,
    sweep_settings,
)
from models.asr.core.hypothesis import Hypothesis, Word
from models.asr.core.requests import SpeechRequest
from models.audio.samples import FloatArray
from models.vad.front_end import Detectors
from schemas.transcripts import TranscriptFinal, TranscriptPartial
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.calls.detect_turns.judgement import Judgement, JudgementRequest
from stream_app.calls.transcribe.segmenter import SegmentConfig
from stream_app.calls.transcribe.transcriber_state import TranscriberConfig
from stream_app.demo.session import DEMO_CALL
from tests.support.calls.recorded_calls import demo_audio

CONFIG = TurnConfig(complete_probability=0.7, incomplete_probability=0.3)
SAID = "i would like to cancel my contract"


class _Judge:
    name = "fake@0/general"
    languages = ("en",)


class _Router:
    def judge(self, *, party: str, domain: str, language: str) -> _Judge | None:
        del party, domain, language
        return _Judge()

    def named(self, name: str) -> _Judge | None:
        del name
        return _Judge()


def knows_the_end(requests: Sequence[JudgementRequest]) -> list[Judgement]:
    """Whoever has said `contract` has finished."""
    return [Judgement(one, 0.95 if one.text.endswith("contract") else 0.05) for one in requests]


class _Loudness:
    """Calls loud audio unfinished."""

    name = "loudness"

    def __init__(self) -> None:
        self.heard: list[int] = []

    def probability(self, samples: FloatArray) -> float:
        self.heard.append(len(samples))
        return 0.2 if np.abs(samples).max() > 0.1 else 0.8


def spoken_call(*gaps_ms: int, name: str = "call") -> TimedCall:
    """Return the words of `SAID`, 200 ms each, with these gaps before the last ones."""
    words: list[TrueWord] = []
    texts = SAID.split()
    gaps = [0] * (len(texts) - len(gaps_ms)) + list(gaps_ms)
    clock_ms = 0
    for text, gap_ms in zip(texts, gaps, strict=True):
        clock_ms += gap_ms
        words.append(TrueWord(text, clock_ms, clock_ms + 200))
        clock_ms += 200
    turn = TrueTurn(0, tuple(words), tuple(word_pauses(words)))
    return TimedCall(name, ("customer",), (turn,), clock_ms + 4_000)


def timed_set(*calls: TimedCall) -> TimedSet:
    lanes = tuple(lane_of_words(call, pause_ms=400) for call in calls)
    return TimedSet("spoken", calls, lanes, lanes)


def machine() -> Machine:
    return Machine(_Router(), TextJudge(knows_the_end))


def test_silence_ends_a_turn_in_every_pause_that_is_long_enough() -> None:
    call = spoken_call(700)
    end_ms, pause = call.turns[0].end_ms, call.turns[0].pauses[0]
    lane = lane_of_words(call, pause_ms=400)

    assert silence_decisions(lane, 1, silence_ms=600) == [
        Decision(0, pause.start_ms + 600),
        Decision(0, end_ms + 600),
    ]
    assert silence_decisions(lane, 1, silence_ms=800) == [Decision(0, end_ms + 800)]


def test_a_gap_that_voice_activity_bridges_is_no_silence() -> None:
    lane = lane_of_words(spoken_call(100), pause_ms=400)

    assert len(speech_stretches(lane, 0)) == 1


def test_a_model_that_knows_the_end_waits_in_the_pause_and_not_after_it() -> None:
    call = spoken_call(1_500)
    lane = lane_of_words(call, pause_ms=400)

    outcome = run_turns(lane, CONFIG, router=_Router(), judge=TextJudge(knows_the_end))

    assert outcome.decisions == (Decision(0, call.turns[0].end_ms + CONFIG.complete_silence_ms),)
    assert outcome.reasons == ("semantic",)


def test_the_lane_of_words_is_one_that_the_machine_takes_without_a_hole() -> None:
    call = spoken_call(500, 300)
    lane = lane_of_words(call, pause_ms=400)

    finals = [message for message in lane if isinstance(message, TranscriptFinal)]
    assert " ".join(final.text for final in finals) == SAID
    assert [m.lane_seq for m in lane[:-1]] == list(range(len(lane) - 1))  # type: ignore[union-attr]
    assert all(a.at_ms <= b.at_ms for a, b in pairwise(lane))  # type: ignore[union-attr]


def test_a_text_is_judged_once_in_a_sweep() -> None:
    asked: list[str] = []

    def count(requests: Sequence[JudgementRequest]) -> list[Judgement]:
        asked.extend(one.text for one in requests)
        return knows_the_end(requests)

    timed = timed_set(spoken_call(700), spoken_call(900, name="other"))
    rows = list(callstream_rows(timed, Machine(_Router(), TextJudge(count)), CONFIG))

    assert len(rows) > 10
    assert sorted(asked) == sorted(set(asked))


def test_a_higher_threshold_is_more_patient_at_both_bounds() -> None:
    patient, eager = at_threshold(CONFIG, 0.9), at_threshold(CONFIG, 0.2)

    assert at_threshold(CONFIG, CONFIG.complete_probability) == CONFIG
    assert patient.incomplete_probability == pytest.approx(0.5)
    assert eager.incomplete_probability == 0.0


def test_smart_turn_is_asked_after_each_silence_with_all_of_the_turn() -> None:
    call = loud_call(spoken_call(1_000))
    judge = _Loudness()

    (decision,) = SmartTurnCalls(judge).decisions(
        call, lane_of_words(call, pause_ms=400), threshold=0.5
    )

    end_ms, pause = call.turns[0].end_ms, call.turns[0].pauses[0]
    assert [length // 16 for length in judge.heard] == [pause.start_ms + 200, end_ms + 200]
    assert decision.at_ms == end_ms + 200 + FALLBACK_MS


def test_smart_turn_begins_anew_after_an_end() -> None:
    call = loud_call(spoken_call(1_000))
    judge = _Loudness()

    decisions = SmartTurnCalls(judge).decisions(
        call, lane_of_words(call, pause_ms=400), threshold=0.1
    )

    end_ms, pause = call.turns[0].end_ms, call.turns[0].pauses[0]
    assert decisions == [Decision(0, pause.start_ms + 200), Decision(0, end_ms + 200)]
    assert judge.heard[1] < judge.heard[0]


def test_what_smart_turn_said_is_kept(tmp_path: Path) -> None:
    call = loud_call(spoken_call(1_000))
    lane = lane_of_words(call, pause_ms=400)
    first = SmartTurnCalls(_Loudness(), tmp_path / "kept.json")
    expected = first.decisions(call, lane, threshold=0.5)
    first.save()
    again = _Loudness()

    assert (
        SmartTurnCalls(again, tmp_path / "kept.json").decisions(call, lane, threshold=0.5)
        == expected
    )
    assert again.heard == []


def loud_call(call: TimedCall) -> TimedCall:
    """Return the call with a tone wherever somebody speaks."""
    audio = np.zeros((call.duration_ms * RATE_HZ // 1000, 1), np.float32)
    for word in call.words_of(0):
        start, end = (ms * RATE_HZ // 1000 for ms in (word.start_ms, word.end_ms))
        audio[start:end, 0] = 0.5 * np.sin(np.arange(end - start) * 0.5)
    return TimedCall(call.name, call.parties, call.turns, call.duration_ms, audio)


class _Echo:
    """A recognizer that hears the same words in everything."""

    name = "echo"

    def __init__(self) -> None:
        self.decodes = 0

    def transcribe_batch(self, requests: Sequence[SpeechRequest]) -> list[Hypothesis]:
        self.decodes += len(requests)
        word = Word(text="hello", start_ms=0, end_ms=100, confidence=0.9)
        return [
            Hypothesis(text="hello", words=(word,), avg_log_probability=-0.1, duration_ms=100)
            for _ in requests
        ]


def demo_stretch(seconds: int = 6) -> TimedCall:
    call = read_demo_call(DEMO_CALL)
    turns = tuple(turn for turn in call.turns if turn.end_ms < seconds * 1_000)
    return TimedCall(
        "demo", call.parties, turns, seconds * 1_000, demo_audio()[: seconds * RATE_HZ]
    )


def recorded(cache: Path | None = None) -> tuple[Lane, int]:
    echo = _Echo()
    config = TranscriberConfig(
        front_end=Detectors().front_end,
        segments=SegmentConfig(),
        partial_interval_ms=500,
        model="echo",
        is_deterministic=True,
    )
    lane = LaneRecorder(echo, config, cache).record(demo_stretch())  # type: ignore[arg-type]
    return lane, echo.decodes


def test_a_lane_holds_finals_and_partials_in_their_place() -> None:
    lane, decodes = recorded()

    finals = [m for m in lane if isinstance(m, TranscriptFinal)]
    partials = [m for m in lane if isinstance(m, TranscriptPartial)]
    assert finals
    assert decodes == len(finals) + len(partials)
    assert lane.index(partials[0]) < lane.index(finals[0])


def test_a_lane_is_recorded_once(tmp_path: Path) -> None:
    first, decodes = recorded(tmp_path)
    second, more = recorded(tmp_path)

    assert decodes
    assert not more
    assert first == second


def test_true_words_are_put_where_they_were_said_each_of_them_once() -> None:
    call = demo_stretch()
    lane, _ = recorded()

    corrected = with_true_words(lane, call)
    assert not any(m.revised for m in corrected if isinstance(m, TranscriptFinal))

    finals = [m for m in corrected if isinstance(m, TranscriptFinal) and m.channel == 0]
    said = [word.text for word in call.words_of(0)]
    assert said
    assert " ".join(m.text for m in finals if m.text).split() == said
    assert len(corrected) == len(lane)


def test_audio_goes_out_as_gateways_send_it() -> None:
    call = demo_stretch(1)
    assert call.audio is not None

    started, first, *_ = audio_messages(call, call.audio)

    assert started.parties == ("agent", "customer")  # type: ignore[union-attr]
    assert [len(payload) for payload in first.payloads] == [800, 800]  # type: ignore[union-attr]


def test_random_settings_are_ordered_and_the_same_every_time() -> None:
    drawn = list(draw_settings(50))

    assert drawn == list(draw_settings(50))
    assert len({tuple(settings.values()) for settings in drawn}) > 40
    for settings in drawn:
        msgspec.convert(settings, dict[str, float])
        assert settings["complete_silence_ms"] <= settings["uncertain_silence_ms"]
        assert settings["uncertain_silence_ms"] <= settings["incomplete_silence_ms"]
        assert settings["incomplete_probability"] < settings["complete_probability"]


def test_within_a_budget_the_fastest_settings_are_chosen() -> None:
    trials = [
        Trial({}, rate, delay) for rate, delay in ((0.2, 400.0), (0.05, 900.0), (0.04, 700.0))
    ]

    assert fastest_within(trials, 0.1) == trials[2]
    assert fastest_within(trials, 0.2) == trials[0]
    assert fastest_within(trials, 0.01) is None


def test_a_sweep_chooses_on_some_calls_and_measures_on_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweep, "TRIALS", 8)
    tuning, measured = timed_set(spoken_call(1_000)), timed_set(spoken_call(1_100, name="b"))

    with Progress(disable=True) as progress:
        choices = sweep_settings(tuning, measured, machine(), CONFIG, progress)

    assert choices
    assert all(choice.trial.false_cut_off_rate <= choice.budget for choice in choices)
    assert all(choice.figures.ends == 1 for choice in choices)


def test_a_model_that_knows_the_end_beats_silence_at_equal_cut_offs(tmp_path: Path) -> None:
    """The whole way: rows, comparison, predictions, picture and tables."""
    calls = [loud_call(spoken_call(gap, name=f"call{gap}")) for gap in (450, 800, 1_300, 1_700)]
    timed = timed_set(*calls)
    rows = [
        *silence_rows(timed),
        *callstream_rows(timed, machine(), CONFIG),
        *smart_turn_rows(timed, SmartTurnCalls(_Loudness())),
    ]

    ours = next(row for row in compare(rows) if row["system"] == "callstream")

    assert ours["false_cut_off_rate"] == 0.0
    assert ours["delay_p50_ms"] == 400.0
    assert ours["silence_delay_p50_ms"] == 1_700.0
    assert ours["ratio"] == pytest.approx(400 / 1_700, abs=1e-3)
    report = {
        "models": {"turns": "fake@0/general"},
        "sets": {
            "spoken": {
                "calls": 4,
                "turns": 4,
                "systems": orjson.loads(orjson.dumps([msgspec.to_builtins(row) for row in rows])),
                "equal_cut_offs": compare(rows),
                "predictions": msgspec.to_builtins(prediction_rate(timed, machine(), CONFIG)),
            }
        },
        "sweep": [],
        "skipped": ["real pauses are left out"],
    }
    plot(report, tmp_path / "turn_timing.png")
    assert (tmp_path / "turn_timing.png").stat().st_size > 10_000
    shown = Console(record=True, width=160, file=StringIO())
    shown.print(tables(report))
    text = shown.export_text()
    assert "400 ms where silence with as few cut-offs (0.0%) takes 1700 ms" in text
    assert "real pauses are left out" in text


def test_without_pauses_that_are_certain_nothing_is_compared() -> None:
    assert compare(list(silence_rows(timed_set(spoken_call())))) == []


def test_partials_change_no_decision() -> None:
    lane, _ = recorded()

    with_them, without = (
        run_turns(some, CONFIG, router=_Router(), judge=TextJudge(knows_the_end))
        for some in (lane, without_partials(lane))
    )

    assert with_them.decisions == without.decisions
    assert not without.predictions

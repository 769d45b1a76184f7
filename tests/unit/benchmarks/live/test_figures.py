"""Metrics of the agents, and the figures made of them."""

import asyncio
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from benchmarks.core.reference import TrueCall, TrueUtterance, TrueWord, read_true_call
from benchmarks.core.report import save_report
from benchmarks.live.agent_metrics import bucket_quantile, change, parse_reading, total
from benchmarks.live.call_meter import CallMeter, Sample
from benchmarks.live.figures import live_figures, usage_figures
from benchmarks.live.plots import latency_table
from benchmarks.live.run import Observation, StampingPublisher, Watcher
from benchmarks.live.system import Snapshot, divide_cores
from schemas import catalogue
from schemas.audio import AudioChunk, AudioMessage, CallStarted
from schemas.errors import ConfigurationError
from stream_app.demo.session import DEMO_CALL
from stream_app.monitoring.metrics import Metrics

SECOND_NS = 1_000_000_000
CALL = TrueCall(10_000, (TrueUtterance(0, 0, 5_000, (TrueWord("hello", 0, 400),)),))


def reading(*, shed: int, decodes: tuple[float, ...], cpu_s: float) -> str:
    """Return what an agent would serve."""
    metrics = Metrics("transcribe")
    metrics.shed_requests.inc(shed)
    metrics.inference_cpu_s.inc(cpu_s)
    metrics.open_calls.set(3)
    for seconds in decodes:
        metrics.inference_seconds.observe(seconds)
    return generate_latest(metrics.registry).decode()


def test_only_what_was_counted_between_two_readings_counts() -> None:
    before = parse_reading(reading(shed=5, decodes=(0.01,), cpu_s=1.0))
    after = parse_reading(reading(shed=7, decodes=(0.01, 0.04, 0.04), cpu_s=1.5))

    found = change(before, after)

    assert found.counters["shed_requests"] == 2
    assert found.counters["inference_cpu_seconds"] == 0.5
    assert found.gauges["open_calls"] == 3
    assert found.sums["inference_seconds"] == pytest.approx(0.08)
    assert not [name for name in found.gauges if name.endswith("_created")]


def test_quantiles_of_a_histogram_lie_within_their_bucket() -> None:
    found = parse_reading(reading(shed=0, decodes=(0.04,) * 9 + (0.3,), cpu_s=0.0))
    buckets = found.buckets["inference_seconds"]

    assert bucket_quantile(buckets, 0.5) == pytest.approx(0.02 + 0.03 * 5 / 9)
    assert 0.2 < (bucket_quantile(buckets, 0.95) or 0) <= 0.5
    assert bucket_quantile({}, 0.5) is None


def test_processes_of_an_agent_are_added_up() -> None:
    one = parse_reading(reading(shed=1, decodes=(0.01,), cpu_s=1.0))

    both = total([one, one])

    assert both.counters["shed_requests"] == 2
    assert both.buckets["inference_seconds"][float("inf")] == 2
    assert both.gauges["open_calls"] == 3


def snapshot(at_s: float, transcribe_s: float, metrics: str, pid: int = 1) -> Snapshot:
    cpu_s = {"transcribe": transcribe_s, "detect_turns": 0.1 * at_s, "benchmark": 0.3 * at_s}
    readings = {"transcribe": [parse_reading(metrics)], "detect_turns": [parse_reading("")]}
    return Snapshot(at_s, cpu_s, dict.fromkeys(cpu_s, 50.0), readings, (pid,))


def observation(*, restarted: bool = False) -> Observation:
    before = snapshot(0.0, 1.0, reading(shed=0, decodes=(), cpu_s=0.0))
    after = snapshot(
        10.0, 6.0, reading(shed=4, decodes=(0.05,) * 20, cpu_s=4.5), 2 if restarted else 1
    )
    meter = CallMeter(CALL, 0)
    meter.samples["final"] = [Sample(SECOND_NS * second, 100.0 * second) for second in range(20)]
    meter.heard[0] = {0: "Hello!"}
    return Observation([meter], (5 * SECOND_NS, 9 * SECOND_NS), before, after, [1.0, 2.0])


def test_only_sounds_of_the_steady_state_count() -> None:
    assert observation().delays_ms("final") == [500.0, 600.0, 700.0, 800.0, 900.0]


def test_the_load_generator_is_no_part_of_what_is_measured() -> None:
    found = usage_figures(observation())

    assert found["cores"] == {"transcribe": 0.5, "detect_turns": 0.1, "benchmark": 0.3}
    assert found["share_outside_models"]["transcribe"] == pytest.approx(1 - 0.45 / 0.5)
    assert found["share_outside_models"]["all_agents"] == pytest.approx(1 - 0.45 / 0.6)
    assert found["transcribe"]["counters"]["shed_requests"] == 4
    assert found["transcribe"]["engine_calls"] == 20


def test_a_restart_and_an_unfinished_call_are_said() -> None:
    found = live_figures(observation(restarted=True))

    assert found["completeness"]["restarted_agents"]
    assert found["completeness"]["complete_calls"] == 0
    assert found["word_error_rate"] == 0.0
    assert found["speech_share"] == 0.5


def test_the_table_of_delays_says_what_transcribe_spends_outside_the_models() -> None:
    run = live_figures(observation())

    found = latency_table({"runs": [run]})

    assert found.caption == (
        "0 of 1 calls complete; transcribe: 50% of a core, 10.0% of that outside the models"
    )


def test_a_core_of_its_own_where_there_are_enough() -> None:
    assert divide_cores((0, 1), 1) == ((0,), (1,))
    assert divide_cores((0,), 1) == ((), (0,))
    assert divide_cores((0, 1), 2) == ((), (0, 1))


class _Kept:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.messages: list[AudioMessage] = []

    async def publish(self, message: AudioMessage) -> None:
        self.messages.append(message)

    async def flush(self) -> None:
        return


def test_the_publisher_notes_when_a_call_began_and_how_late_its_audio_is() -> None:
    kept = _Kept()
    publisher = StampingPublisher(kept, now_ns=lambda: 7_000_000)
    started = CallStarted(
        event_id="e",
        call_id="c",
        captured_at_ns=1_000_000,
        parties=("agent",),
        encoding="mulaw",
        sample_rate_hz=8_000,
    )
    chunk = AudioChunk(
        event_id="e",
        call_id="c",
        captured_at_ns=4_000_000,
        seq=0,
        start_ms=0,
        encoding="mulaw",
        sample_rate_hz=8_000,
        payloads=(b"",),
    )

    async def publish() -> None:
        await publisher.publish(started)
        await publisher.publish(chunk)

    asyncio.run(publish())

    assert publisher.origins_ns == {"c": 1_000_000}
    assert publisher.lateness_ms == [3.0]
    assert kept.messages == [started, chunk]


def test_what_cannot_be_read_counts_as_a_dead_letter() -> None:
    watcher = Watcher(None)

    watcher.take(catalogue.TRANSCRIPTS, b"{}", 0, 0)
    watcher.take(catalogue.DEAD_LETTERS, b"x", 0, 0)

    assert watcher.dead_letters == 2
    assert watcher.received == {}


def test_the_demo_call_says_how_much_of_it_is_speech() -> None:
    call = read_true_call(DEMO_CALL)

    assert 0.5 < call.speech_share < 1.0
    assert [each.text for each in call.words(0)][:3] == ["thank", "you", "for"]


def test_a_recording_without_reference_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no reference with word times"):
        read_true_call(tmp_path / "call.wav")


def test_a_report_says_which_machine_it_is_of(tmp_path: Path) -> None:
    report = save_report("toy", {"value": float("nan")}, tmp_path)

    assert report["schema"] == "benchmark_toy.v1"
    assert report["value"] is None
    assert {"cpu", "cores", "python", "commit"} <= set(report["machine"])
    assert (tmp_path / "toy.json").is_file()


def test_a_folder_that_cannot_be_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match="cannot be a folder"):
        save_report("toy", {}, tmp_path / "file")

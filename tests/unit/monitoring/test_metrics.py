"""What is counted is seen: every counter of a call and every row of the catalogue is exported."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from schemas.classification import CallClassified
from schemas.operations import Alert
from schemas.transcripts import SpeechActivity, TranscriptFinal
from stream_app import calls
from stream_app.api.http.metrics import ApiMetrics
from stream_app.calls.counters import NAMES, NUMBERS, CallCounters
from stream_app.monitoring.catalogue.groups import GROUPS, METRICS
from stream_app.monitoring.metrics import Metrics
from stream_app.monitoring.output_meter import UNKNOWN_NS, OutputMeter, output_type
from stream_app.monitoring.page import page
from stream_app.transport.log_clock import BACKLOG_AGE_NS

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
MS = 1_000_000


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return the value of each sample that only a counter of a call moves."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in metrics.registry.collect()
        if family.name.startswith("callstream_")
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def counter_classes() -> Iterator[type]:
    """Yield every dataclass that is called counters, in every module of the state machines."""
    found = pkgutil.walk_packages(calls.__path__, "stream_app.calls.")
    for name in [module.name for module in found]:
        for value in vars(importlib.import_module(name)).values():
            if isinstance(value, type) and value.__name__.endswith("Counters"):
                assert dataclasses.is_dataclass(value)
                yield value


def test_the_machines_count_in_one_class() -> None:
    """Another one would need its own way to the metrics."""
    assert set(counter_classes()) == {CallCounters}


@pytest.mark.parametrize("name", NAMES)
def test_every_counter_of_a_call_moves_a_metric_once(name: str) -> None:
    metrics, counters = Metrics("toy"), CallCounters()
    metrics.add_gains(counters)
    before = samples(metrics)

    if name in NUMBERS:
        setattr(counters, name, 2)
    else:
        counters.guarded["tone", "final"] += 2
        counters._guard_hits += 2
    metrics.add_gains(counters)
    after = samples(metrics)
    metrics.add_gains(counters)

    grown = {key: value - before.get(key, 0.0) for key, value in after.items()}
    assert [round(gain, 6) for gain in grown.values() if gain] in ([2.0], [0.002])
    assert samples(metrics) == after


def test_guards_are_told_apart() -> None:
    metrics, counters = Metrics("toy"), CallCounters()
    for guard, is_final in (("tone", True), ("tone", False), ("loop", True), ("tone", True)):
        counters.note_guard(guard, is_final=is_final)
        metrics.add_gains(counters)

    found = samples(metrics)
    name = "callstream_guarded_results_total"
    assert found[name, ("toy", "tone", "final")] == 2
    assert found[name, ("toy", "tone", "partial")] == 1
    assert found[name, ("toy", "loop", "final")] == 1


def test_a_counter_exists_before_it_counts() -> None:
    """Else Prometheus does not see the first increase: there was no value before it."""
    found = samples(Metrics("toy"))

    assert found["callstream_set_aside_total", ("toy", "duplicate_mismatch")] == 0
    assert found["callstream_audio_gaps_total", ("toy",)] == 0


def test_the_registry_holds_the_catalogue_and_nothing_else() -> None:
    """That of an agent and that of the HTTP server together."""
    registries = (Metrics("toy").registry, ApiMetrics().registry)
    families = {
        (family.name, family.type, family.documentation)
        for registry in registries
        for family in registry.collect()
        if family.name.startswith("callstream_")
    }

    assert families == {
        (metric.full_name.removesuffix("_total"), metric.kind, metric.meaning) for metric in METRICS
    }


def test_names_follow_the_conventions_of_prometheus() -> None:
    """Base units at the end of the name, a total for counters, few labels."""
    names = [metric.full_name for metric in METRICS]
    assert len(set(names)) == len(names) == sum(map(len, GROUPS.values()))
    for metric in METRICS:
        assert not metric.name.endswith(("_ms", "_milliseconds", "_total", "_count", "_sum"))
        assert metric.full_name.endswith("_total") == (metric.kind == "counter")
        assert metric.kind != "histogram" or metric.name.endswith("_seconds")
        assert bool(metric.buckets) == (metric.kind == "histogram")
        assert len(metric.labels) <= 2
        assert not {"call", "call_id", "channel"} & set(metric.labels)
        assert metric.meaning[0] == metric.meaning[0].upper()
        assert metric.meaning.endswith(".")


def test_the_process_is_among_the_metrics() -> None:
    names = {family.name for family in Metrics("toy").registry.collect()}

    assert {"process_cpu_seconds", "process_resident_memory_bytes"} <= names


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text() == page(), "run: python -m stream_app.monitoring.page > docs/metrics.md"


def final() -> TranscriptFinal:
    return TranscriptFinal(
        event_id="e",
        call_id="c",
        captured_at_ns=10**18,  # a gateway whose clock is decades off
        channel=0,
        party="agent",
        lane_seq=0,
        segment_id="s",
        revision=1,
        start_ms=0,
        end_ms=1,
        at_ms=1,
        cut="pause",
        text="",
        words=(),
        confidence=0.0,
        language="en",
        model="m",
    )


class Bench:
    """A meter whose clock the test sets."""

    def __init__(self) -> None:
        self.now_ns = 10 * BACKLOG_AGE_NS
        self.metrics = Metrics("toy")
        self.meter = OutputMeter(self.metrics, lambda: self.now_ns)

    def seen(self, suffix: str, kind: str) -> float | None:
        """Return a sample of the latencies."""
        return self.metrics.registry.get_sample_value(
            f"callstream_output_latency_seconds_{suffix}", {"agent": "toy", "type": kind}
        )


def test_latency_begins_when_the_input_came_to_the_log() -> None:
    """By our own clock: that of the gateway may be off by years."""
    bench = Bench()

    bench.meter.note(final(), bench.now_ns - 250 * MS)
    bench.meter.note(final(), bench.now_ns - 750 * MS)

    assert bench.seen("count", "transcript_final") == 2
    assert bench.seen("sum", "transcript_final") == 1.0


@pytest.mark.parametrize("age_ns", [BACKLOG_AGE_NS, BACKLOG_AGE_NS + 1])
def test_what_was_in_the_log_before_the_process_has_no_latency(age_ns: int) -> None:
    bench = Bench()

    bench.meter.note(final(), bench.now_ns - age_ns)
    bench.meter.note(final(), UNKNOWN_NS)

    assert bench.seen("count", "transcript_final") is None


def test_alerts_are_counted_by_kind_and_activity_is_not_timed() -> None:
    bench = Bench()
    alert = Alert(
        event_id="e", call_id="c", captured_at_ns=1, kind="audio_after_end",
        severity="warning", source="toy",
    )  # fmt: skip
    bench.meter.note(alert, bench.now_ns)
    bench.meter.note(alert, bench.now_ns)
    activity = SpeechActivity(
        event_id="e", call_id="c", captured_at_ns=1, channel=0, party="agent", lane_seq=0,
        kind="tick", is_speech=True, at_ms=1, silence_ms=0, since_ms=0,
    )  # fmt: skip
    bench.meter.note(activity, bench.now_ns)

    labels = {"agent": "toy", "kind": "audio_after_end"}
    assert bench.metrics.registry.get_sample_value("callstream_alerts_total", labels) == 2
    assert bench.seen("count", output_type(SpeechActivity)) is None


def test_what_calls_were_classified_as_is_counted_by_abstention_and_timed() -> None:
    bench = Bench()
    answer = CallClassified(
        event_id="e", call_id="c", captured_at_ns=1, label_set="tiny-2", model="m",
    )  # fmt: skip
    uncertain = msgspec.structs.replace(answer, abstained="uncertain")
    shadow = msgspec.structs.replace(answer, is_shadow=True)
    provisional = msgspec.structs.replace(answer, is_provisional=True, at_turn=4)
    for message in (answer, answer, uncertain, shadow, provisional):
        bench.meter.note(message, bench.now_ns)

    def counted(abstained: str) -> float | None:
        labels = {"agent": "toy", "label_set": "tiny-2", "abstained": abstained}
        return bench.metrics.registry.get_sample_value("callstream_classified_total", labels)

    assert (counted(""), counted("uncertain")) == (2, 1)
    assert bench.seen("count", "call_classified") == 5

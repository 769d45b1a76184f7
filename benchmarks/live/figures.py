"""The figures of a run of live calls: delays, stages, what was shed, what the cores did."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.core.spread import percentiles
from benchmarks.live.agent_metrics import Reading, bucket_quantile, change, total
from benchmarks.live.call_meter import CallMeter
from benchmarks.live.run import Observation
from benchmarks.live.system import BENCHMARK, BROKER
from models.text.scored_words import scored_words
from models.text.word_errors import word_errors
from stream_app.calls.transcribe.transcriber_state import AGENT as TRANSCRIBE

DELAYS = (
    "first_partial",
    "first_partial_of_cut",
    "partial_interval",
    "partial_audio_interval",
    "word_commit",
    "final",
    "final_of_cut",
    "end_of_turn",
    "end_of_turn_predicted",
)
STAGES = ("until_decided", "decided_to_produced", "produced_to_received")
LATE_MS = 50.0  # chunks produced later than this at p99 make the load generator the bottleneck


def live_figures(seen: Observation) -> dict[str, Any]:
    """Return everything that is reported of a run.

    Args:
        seen: Of the run.
    """
    lateness = percentiles(seen.lateness_ms)
    return {
        "calls": len(seen.meters),
        "speech_share": round(_mean(meter.call.speech_share for meter in seen.meters), 3),
        "delays_ms": {kind: percentiles(seen.delays_ms(kind)) for kind in DELAYS},
        "stages_ms": {
            kind: {stage: percentiles(seen.delays_ms(f"{kind}.{stage}")) for stage in STAGES}
            for kind in ("partial", "final")
        },
        "completeness": completeness(seen),
        "word_error_rate": word_error_rate(seen.meters),
        "load_generator": {
            "lateness_ms": lateness,
            "is_late": bool(lateness["p99"] and lateness["p99"] > LATE_MS),
        },
        **usage_figures(seen),
    }


def completeness(seen: Observation) -> dict[str, Any]:
    """Return whether everything came that had to come."""
    return {
        "calls": len(seen.meters),
        "complete_calls": sum(meter.completeness.is_complete for meter in seen.meters),
        "finalized_calls": sum(meter.completeness.is_finalized for meter in seen.meters),
        "is_drained": seen.is_drained,
        "dead_letters": seen.dead_letters,
        "restarted_agents": seen.before.pids != seen.after.pids,
    }


def is_complete(figures: Mapping[str, Any]) -> bool:
    """Return whether a run, of which these are the figures, lost nothing."""
    found = figures["completeness"]
    is_whole = found["complete_calls"] == found["calls"]
    return bool(is_whole and not found["dead_letters"] and not found["restarted_agents"])


def word_error_rate(meters: Sequence[CallMeter]) -> float | None:
    """Return the word error rate of all finals; None where nothing is said."""
    errors = words = 0
    for meter in meters:
        for channel in meter.call.channels:
            reference = scored_words(" ".join(w.text for w in meter.call.words(channel)))
            heard = " ".join(text for _, text in sorted(meter.heard[channel].items()))
            errors += word_errors(reference, scored_words(heard)).errors
            words += len(reference)
    return round(errors / words, 4) if words else None


def usage_figures(seen: Observation) -> dict[str, Any]:
    """Return what the processes used in the steady state, and what transcribe says of itself."""
    elapsed_s = seen.after.at_s - seen.before.at_s
    changes = {
        name: total(
            change(before, after)
            for before, after in zip(seen.before.metrics[name], readings, strict=True)
        )
        for name, readings in seen.after.metrics.items()
    }
    cores = {
        name: (cpu_s - seen.before.cpu_s[name]) / elapsed_s
        for name, cpu_s in seen.after.cpu_s.items()
    }
    own = changes[TRANSCRIBE]
    inference = own.counters.get("inference_cpu_seconds", 0.0) / elapsed_s
    vad = own.counters.get("feed_model_cpu_seconds", 0.0) / elapsed_s
    agents = sum(share for name, share in cores.items() if name not in {BENCHMARK, BROKER})
    return {
        "steady_s": round(elapsed_s, 1),
        "cores": {name: round(share, 4) for name, share in cores.items()},
        "memory_mb": {name: round(mb) for name, mb in seen.after.memory_mb.items()},
        "models": {"recognizer_cores": round(inference, 4), "vad_cores": round(vad, 4)},
        "share_outside_models": {
            TRANSCRIBE: _rest(inference + vad, cores[TRANSCRIBE]),
            "all_agents": _rest(inference + vad, agents),
        },
        "transcribe": _transcribe_figures(own),
        "loop_lag_p99_ms": {
            name: _milliseconds(bucket_quantile(reading.buckets.get("loop_lag_seconds", {}), 0.99))
            for name, reading in changes.items()
        },
    }


def _transcribe_figures(own: Reading) -> dict[str, Any]:
    decodes = own.buckets.get("inference_seconds", {})
    count = max(decodes.values(), default=0.0)
    return {
        "counters": {name: round(value, 3) for name, value in sorted(own.counters.items())},
        "gauges": {name: round(value, 3) for name, value in sorted(own.gauges.items())},
        "engine_calls": int(count),
        "engine_call_mean_ms": _milliseconds(
            own.sums.get("inference_seconds", 0.0) / count if count else None
        ),
        "engine_call_p95_ms": _milliseconds(bucket_quantile(decodes, 0.95)),
        "durable_p95_ms": _milliseconds(
            bucket_quantile(own.buckets.get("durable_seconds", {}), 0.95)
        ),
    }


def _rest(part: float, whole: float) -> float | None:
    return round(1 - part / whole, 4) if whole else None


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)


def _mean(values: Any) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0

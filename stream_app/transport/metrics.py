"""The Prometheus metrics of a worker process."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from stream_app.calls.counters import KINDS
from stream_app.transport.health import Health

LAG_BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
INFERENCE_BUCKETS_S = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1),
    *(0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0),
)
DURABLE_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 40.0)


class Metrics:
    """What a worker measures of itself; no label ever carries a call id.

    Args:
        agent: Value of the one label.
        registry: Where the metrics are registered; a new one by default.
    """

    def __init__(self, agent: str, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._agent = agent
        self.events = self._counter("events", "Messages taken from the input topic.")
        self.emitted = self._counter("emitted", "Messages produced, checkpoints not counted.")
        self.checkpoints = self._counter("checkpoints", "Checkpoints written.")
        self.unreadable_checkpoints = self._counter(
            "unreadable_checkpoints", "Records of the checkpoint topic that hold no checkpoint."
        )
        self.lost_calls = self._counter(
            "lost_calls", "Calls given up because their checkpoint could not be used."
        )
        self.refused_calls = self._counter(
            "refused_calls", "Messages of new calls refused because too many calls were open."
        )
        self.dead_letters = self._counter("dead_letters", "Inputs sent to the dead letters.")
        self.refused_outputs = self._counter(
            "refused_outputs", "Outputs and checkpoints that were too large to send."
        )
        self.late_events = self._counter("late_events", "Events of calls that were closed.")
        self._set_aside = Counter(
            "callstream_set_aside",
            "What open calls received and did not use, or used with a doubt, by kind.",
            ["agent", "kind"],
            registry=self.registry,
        )
        for kind in KINDS:
            self._set_aside.labels(agent, kind)
        self.generations = self._counter("generations", "Times a partition was taken up.")
        self.skipped_offsets = self._counter(
            "skipped_offsets", "Offsets of the input that were not in the log when it was read."
        )
        self._add_model_metrics()
        self._add_state_metrics()

    def _add_model_metrics(self) -> None:
        self.inference_seconds = self._histogram(
            "inference_seconds", "Time of one call of the model.", INFERENCE_BUCKETS_S
        )
        self.inference_cpu_s = self._counter(
            "inference_cpu_seconds", "CPU time of the inference thread in the model."
        )
        self.shed_requests = self._counter(
            "shed_requests", "Inference requests dropped: replaced by a newer one, or too old."
        )
        self.stretched_requests = self._counter(
            "stretched_requests",
            "Partials not decoded because overload made the interval between them longer.",
        )
        self.failed_requests = self._counter(
            "failed_requests", "Inference requests that the model could not run."
        )
        self.quarantined_inputs = self._counter(
            "quarantined_inputs", "Inputs set aside: they were under way at two deaths in a row."
        )
        self.partial_interval_s = self._gauge(
            "partial_interval_seconds", "New audio between two partials of a segment, at present."
        )
        self.model_swaps = self._counter(
            "model_swaps", "Times that new files of the model were taken up."
        )
        self.model_refusals = self._counter(
            "model_refusals", "Times that new files of the model were refused; the old ones stay."
        )

    def _add_state_metrics(self) -> None:
        self.stall_markers = self._counter("stall_markers", "Markers appended to silent calls.")
        self.open_calls = self._gauge("open_calls", "Calls in memory that are not closed.")
        self.pending_audio_s = self._gauge(
            "pending_final_audio_seconds", "Audio of the finals that are not finished."
        )
        self.oldest_unacked_s = self._gauge(
            "oldest_unacknowledged_seconds",
            "Age of the oldest input that is not acknowledged; a silent call holds its last one.",
        )
        self.oldest_unread_s = self._gauge(
            "oldest_unread_seconds",
            "Time since all input that was on the log had been taken in; the lag of the worker.",
        )
        self._live = self._gauge("live", "1 while the event loop turns.")
        self._ready = self._gauge(
            "ready",
            "1 while the agent has its partitions and their checkpoints, and the brokers answer.",
        )
        self.restarts = self._counter(
            "restarts", "Times that the supervisor started this agent again."
        )
        self.frozen_kills = self._counter(
            "frozen_kills", "Times that the supervisor killed this agent since it said nothing."
        )
        self.loop_lag = self._histogram(
            "loop_lag_seconds", "How late the event loop wakes a timer.", LAG_BUCKETS_S
        )
        self.durable_seconds = self._histogram(
            "durable_seconds",
            "Time from when a commit is due to its acknowledgement.",
            DURABLE_BUCKETS_S,
        )

    def show(self, health: Health) -> None:
        """Say with every scrape whether the worker lives and is ready."""
        self._live.set_function(lambda: health.is_live)
        self._ready.set_function(lambda: health.is_ready)

    def add_set_aside(self, gains: Mapping[str, int]) -> None:
        """Count what a call set aside, by the names of `InputCounters`."""
        for kind, gain in gains.items():
            self._set_aside.labels(self._agent, kind).inc(gain)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"callstream_{name}", text, ["agent"], registry=self.registry).labels(
            self._agent
        )

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"callstream_{name}", text, ["agent"], registry=self.registry).labels(
            self._agent
        )

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(
            f"callstream_{name}", text, ["agent"], buckets=buckets, registry=self.registry
        ).labels(self._agent)

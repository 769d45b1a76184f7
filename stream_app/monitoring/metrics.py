"""The Prometheus metrics of an agent's process, registered from the catalogue."""

from importlib.metadata import version

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector

from stream_app.calls.counters import CallCounters
from stream_app.monitoring.catalogue import calls, inputs, model, outputs, process
from stream_app.monitoring.catalogue.call_counters import KINDS, OWN_METRICS
from stream_app.monitoring.families import Families
from stream_app.monitoring.health import Health


class Metrics(Families):
    """What an agent measures of itself; see the catalogue for what each metric means.

    Args:
        agent: Value of the label that all of them have.
        registry: Where they are registered; a new one by default.
    """

    def __init__(self, agent: str, registry: CollectorRegistry | None = None) -> None:
        super().__init__(agent, registry)
        self._register_inputs()
        self._register_calls()
        self._register_model()
        self._register_outputs()
        self._register_process()

    def _register_inputs(self) -> None:
        self.events = self._counter(inputs.EVENTS)
        self.late_events = self._counter(inputs.LATE_EVENTS)
        self.dead_letters = self._counter(inputs.DEAD_LETTERS)
        self.skipped_offsets = self._counter(inputs.SKIPPED_OFFSETS)
        self.refused_calls = self._counter(inputs.REFUSED_CALLS)
        self.quarantined_inputs = self._counter(inputs.QUARANTINED_INPUTS)
        self.partitions_held = self._gauge(inputs.PARTITIONS_HELD)
        self._lag_messages = self._gauges(inputs.CONSUMER_LAG_MESSAGES)
        self._lag_s = self._gauges(inputs.CONSUMER_LAG_SECONDS)
        self.oldest_unread_s = self._gauge(inputs.OLDEST_UNREAD_SECONDS)
        self.oldest_unacked_s = self._gauge(inputs.OLDEST_UNACKNOWLEDGED_SECONDS)
        self.oldest_active_s = self._gauge(inputs.OLDEST_ACTIVE_SECONDS)
        self.unacked_messages = self._gauge(inputs.UNACKNOWLEDGED_MESSAGES)

    def _register_calls(self) -> None:
        self.open_calls = self._gauge(calls.OPEN_CALLS)
        self.generations = self._counter(calls.GENERATIONS)
        self.checkpoints = self._counter(calls.CHECKPOINTS)
        self.unreadable_checkpoints = self._counter(calls.UNREADABLE_CHECKPOINTS)
        self.lost_calls = self._counter(calls.LOST_CALLS)
        self.stall_markers = self._counter(calls.STALL_MARKERS)
        self._set_aside = self._counters(inputs.SET_ASIDE)
        for kind in KINDS:
            self._set_aside.labels(self._agent, kind)
        self._exports = {
            name: (self._counters(export.metric), export.per_unit)
            for name, export in OWN_METRICS.items()
        }
        for name, export in OWN_METRICS.items():
            if not export.metric.labels:
                self._exports[name][0].labels(self._agent)

    def _register_model(self) -> None:
        self.inference_seconds = self._histogram(model.INFERENCE_SECONDS)
        self.inference_cpu_s = self._counter(model.INFERENCE_CPU_SECONDS)
        self.feed_model_cpu_s = self._counter(model.FEED_MODEL_CPU_SECONDS)
        self.pending_audio_s = self._gauge(model.PENDING_AUDIO_SECONDS)
        self.unfinished_requests = self._gauge(model.UNFINISHED_REQUESTS)
        self.partial_interval_s = self._gauge(model.PARTIAL_INTERVAL_SECONDS)
        self.shed_requests = self._counter(model.SHED_REQUESTS)
        self.stretched_requests = self._counter(model.STRETCHED_REQUESTS)
        self.interruptions = self._counter(model.INTERRUPTIONS)
        self.given_up_searches = self._counter(model.GIVEN_UP_SEARCHES)
        self.failed_requests = self._counter(model.FAILED_REQUESTS)
        self.retried_requests = self._counter(model.RETRIED_REQUESTS)
        self.model_swaps = self._counter(model.MODEL_SWAPS)
        self.model_refusals = self._counter(model.MODEL_REFUSALS)

    def _register_outputs(self) -> None:
        self.emitted = self._counter(outputs.EMITTED)
        self.refused_outputs = self._counter(outputs.REFUSED_OUTPUTS)
        self.durable_seconds = self._histogram(outputs.DURABLE_SECONDS)
        self._output_latency_seconds = self._histograms(outputs.OUTPUT_LATENCY_SECONDS)
        self._alerts = self._counters(outputs.ALERTS)
        self._classified = self._counters(outputs.CLASSIFIED)
        self._analyzed = self._counters(outputs.ANALYZED)

    def _register_process(self) -> None:
        info = self._gauges(process.BUILD_INFO)
        info.labels(self._agent, version("callstream")).set(1)
        self._live = self._gauge(process.LIVE)
        self._ready = self._gauge(process.READY)
        self.restarts = self._counter(process.RESTARTS)
        self.frozen_kills = self._counter(process.FROZEN_KILLS)
        self.loop_lag = self._histogram(process.LOOP_LAG_SECONDS)
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def show(self, health: Health) -> None:
        """Tell with every scrape whether the agent is live and ready."""
        self._live.set_function(lambda: health.is_live)
        self._ready.set_function(lambda: health.is_ready)

    def add_gains(self, counters: CallCounters) -> None:
        """Count what the counters of a call have gained since this was called last."""
        for (name, *labels), gain in counters.gains().items():
            export = self._exports.get(name)
            if export is None:
                self._set_aside.labels(self._agent, name).inc(gain)
            else:
                family, per_unit = export
                family.labels(self._agent, *labels).inc(gain * per_unit)

    def set_lag(self, partition: int, *, messages: int, seconds: float) -> None:
        """Tell how far the reading of a partition is behind its log."""
        self._lag_messages.labels(self._agent, str(partition)).set(messages)
        self._lag_s.labels(self._agent, str(partition)).set(seconds)

    def forget_lag(self, partition: int) -> None:
        """Tell no more of a partition that the process does not hold."""
        self._lag_messages.remove(self._agent, str(partition))
        self._lag_s.remove(self._agent, str(partition))

    def observe_output(self, kind: str, latency_s: float) -> None:
        """Count an output and the time that it took."""
        self._output_latency_seconds.labels(self._agent, kind).observe(latency_s)

    def count_alert(self, kind: str) -> None:
        """Count an alert."""
        self._alerts.labels(self._agent, kind).inc()

    def count_classified(self, label_set: str, abstained: str) -> None:
        """Count an answer about what a call is."""
        self._classified.labels(self._agent, label_set, abstained).inc()

    def count_analyzed(self, guide: str, abstained: str) -> None:
        """Count the insights of a call."""
        self._analyzed.labels(self._agent, guide, abstained).inc()
